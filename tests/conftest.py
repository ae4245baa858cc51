import os

from hypothesis import settings

# No deadline: a slow machine is no defect. In continuous integration the same examples every time,
# so that a failure there is a failure of the change and not of chance.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
