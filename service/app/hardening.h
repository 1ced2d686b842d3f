// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kw::app {

// Closes what would let a secret leave the process by the back door: no core file, no attaching by
// a process of the same user, no swapping where the system allows to lock memory, and as many file
// descriptors as the hard limit allows. Called before the PIN is read and before threads start.
void harden_process();

// Keeps all memory that is touched out of swap; whether the system lets it. Safe to ask again.
bool lock_memory();

}  // namespace kw::app
