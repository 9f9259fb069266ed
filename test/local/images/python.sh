#!/bin/sh
# Runs inside the new root: `python` and `pip` are where the official python image has them.
set -e
ln -sf /usr/bin/python3 /usr/local/bin/python
ln -sf /usr/bin/python3 /usr/local/bin/python3
# Debian forbids installing into its Python; the official image is there for exactly that.
rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
python3 - <<'PY'
import glob, os, zipfile
target = "/usr/local/lib/python3.11/dist-packages"
os.makedirs(target, exist_ok=True)
for wheel in glob.glob("/usr/share/python-wheels/pip-*.whl"):
    zipfile.ZipFile(wheel).extractall(target)
for name in ("pip", "pip3"):
    path = f"/usr/local/bin/{name}"
    with open(path, "w") as script:
        script.write("#!/usr/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n")
    os.chmod(path, 0o755)
PY
# The sources were those of the machine that made this image, and are nobody else's business.
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* /etc/apt/sources.list /etc/apt/sources.list.d/*
