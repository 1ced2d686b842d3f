// SPDX-License-Identifier: Apache-2.0
#pragma once

// The shim is a PKCS#11 module that stands in front of another one, records each call and breaks
// calls on request. A program loads it instead of the module and says in its environment:
//   KEYWARD_SHIM_MODULE  path of the real module
//   KEYWARD_SHIM_RECORD  file to append to, a line a call: "C_EncryptInit 0x1087 CKR_OK"; the
//   second
//                        word is the mechanism, "-" where there is none. Written at C_Finalize, at
//                        exit, and when much has gathered.
//   KEYWARD_SHIM_RULES   rules in force from the first C_GetFunctionList on
//
// Rules are separated by newlines or ';':
//   fail FUNCTION WHEN CKR_NAME    answer so; the real module does not see the call
//   delay FUNCTION WHEN NUMBERms   wait, then pass the call on
//   hang FUNCTION WHEN             wait until the rules are cleared, then pass the call on
// WHEN counts the function's calls from the rule on: "3" is the third, "*" every call, "*/3" every
// third. The first rule that applies wins; all count.
//
// Found with dlsym in the loaded shim; safe from any thread.
extern "C" {
// Adds rules. 0, or the number of the line that is no rule, counted from 1; then none is added.
int keyward_shim_rules(const char* text);
// Drops all rules, lets hung calls go, and sets all counts to zero.
void keyward_shim_clear(void);
// How many calls of a function there were since the last clear, broken ones too.
unsigned long keyward_shim_count(const char* function);
// How many calls hang at this moment.
unsigned long keyward_shim_hanging(void);
// Writes what is recorded so far.
void keyward_shim_flush(void);
}
