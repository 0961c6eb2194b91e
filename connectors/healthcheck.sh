#!/bin/sh
# Healthy if the worker answers and all its connectors and tasks are RUNNING. A worker without connectors
# is healthy too, so that the first one can be sent.
status=$(wget -q -O - 'http://localhost:8083/connectors?expand=status') || exit 1
! printf '%s' "$status" | grep -o '"state":"[A-Z]*"' | grep -qv '"RUNNING"'
