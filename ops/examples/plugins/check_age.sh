#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_age.sh FILE WARN CRIT - how many seconds ago FILE was last written.
# A plugin in shell: one line, measures after the bar, the verdict is the exit status.
set -u
if [ $# -ne 3 ]; then
    echo "UNKNOWN - usage: check_age.sh FILE WARN CRIT"
    exit 3
fi
if ! written=$(stat -c %Y -- "$1" 2>/dev/null); then
    echo "CRITICAL - there is no $1 that this user can see"
    exit 2
fi
age=$(($(date +%s) - written))
measures="age=${age}s;$2;$3;0"
if [ "$age" -ge "$3" ]; then
    echo "CRITICAL - written $age s ago | $measures"
    exit 2
fi
if [ "$age" -ge "$2" ]; then
    echo "WARNING - written $age s ago | $measures"
    exit 1
fi
echo "OK - written $age s ago | $measures"
exit 0
