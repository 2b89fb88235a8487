"""What pyproject.toml cannot say: the build compiles the catalogues, metalib.po -> metalib.mo.

An editable installation needs none: in a working tree metalib reads the .po file itself. But it needs the
data files, JupyterLab's settings, which setuptools leaves out of it.
"""

from datetime import UTC, datetime
from pathlib import Path

from babel.messages import mofile, pofile
from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCatalogues(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            self.run_command("install_data")
            return
        for source in sorted(Path("metalib", "locale").glob("*/LC_MESSAGES/metalib.po")):
            target = Path(self.build_lib, source).with_suffix(".mo")
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as text, target.open("wb") as compiled:
                catalogue = pofile.read_po(text, locale=source.parts[2])
                # The file says none, and babel would write the minute of the build.
                catalogue.creation_date = datetime.fromtimestamp(0, UTC)
                mofile.write_mo(compiled, catalogue)


setup(cmdclass={"build_py": BuildWithCatalogues})
