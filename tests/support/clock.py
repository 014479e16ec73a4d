"""A pytest plugin that starts the clock at the local date and time in the variable TEST_CLOCK.

It needs the package time-machine::

    TZ=Asia/Kolkata TEST_CLOCK=2028-02-28T23:59:50 python -m pytest -p tests.support.clock
"""

import os
from datetime import datetime

import time_machine

# At the import of the plugin: conftest.py files, which come before all hooks, look at the clock too.
time_machine.travel(datetime.fromisoformat(os.environ["TEST_CLOCK"]).astimezone(), tick=True).start()
