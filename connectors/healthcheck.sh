#!/bin/sh
# Healthy: the worker answers, and every connector and task that it has is RUNNING. (No connector
# at all is healthy too: something has to be able to put the first one.)
status=$(wget -q -O - 'http://localhost:8083/connectors?expand=status') || exit 1
! printf '%s' "$status" | grep -o '"state":"[A-Z]*"' | grep -qv '"RUNNING"'
