# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced. The tests call fsync as the service does; where memory serves as a disk they need not wait for it. On a busy
# disk one fsync can take seconds, and a test that makes ten thousand files takes minutes. KEYWARD_TEST_FOLDER names another place.
scratch=${KEYWARD_TEST_FOLDER:-/dev/shm}
if [ -d "$scratch" ] && [ -w "$scratch" ] && [ "$(df --output=avail -k "$scratch" | tail -n 1)" -ge 2097152 ]; then
  export TMPDIR=$scratch
fi
