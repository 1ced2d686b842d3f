// SPDX-License-Identifier: Apache-2.0
#pragma once

// The shim is a PKCS#11 module that stands in front of another one, records each call and breaks
// calls on request. A program loads it instead of the module and says in its environment:
//   KEYWARD_SHIM_MODULE      path of the real module
//   KEYWARD_SHIM_RULES       rules, in force from the first C_GetFunctionList on
//   KEYWARD_SHIM_RULES_FILE  a file of rules, read again whenever it changes
//   KEYWARD_SHIM_RECORD      file to append to, a line a call
//   KEYWARD_SHIM_TALLY       file to append to, a line for each kind of call, with its count
// docs/shim.md is the reference of all five. What follows serves tests that load the shim into
// their own process: found with dlsym in the loaded shim, safe from any thread. C may include this
// header.
#ifdef __cplusplus
extern "C" {
#endif

// Adds rules. 0, or the number of the line that is no rule, counted from 1; then none is added, and
// stderr says why.
int keyward_shim_rules(const char* text);
// Drops all rules, those of the file until it changes, lets hung calls go, brings a lost token
// back, and sets all counts to zero.
void keyward_shim_clear(void);
// How many calls of a function there were since the last clear, broken ones too.
unsigned long keyward_shim_count(const char* function);
// How many calls hang at this moment.
unsigned long keyward_shim_hanging(void);
// How many wrong user PINs were tried since the last right one.
unsigned long keyward_shim_wrong_pins(void);
// Writes what is recorded and counted so far.
void keyward_shim_flush(void);

#ifdef __cplusplus
}
#endif
