"""A command without Hydra's plugins: `python -m tests.helpers.without_plugins FILE ...`.

Python does not find their package, `hydra_plugins`, as where no plugin is installed.
"""

import runpy
import sys

if __name__ == "__main__":
    assert "hydra_plugins" not in sys.modules
    sys.modules["hydra_plugins"] = None
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
