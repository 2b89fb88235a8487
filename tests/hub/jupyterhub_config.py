"""The hub of the test: what deploy/jupyterhub_config.py says, on this machine, with a password for all."""

import os
import resource
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner

SEPARATE = os.environ["HUB_TEST_SEPARATE"] == "1"
FOLDER = Path(os.environ["HUB_TEST_FOLDER"])
PORT = int(os.environ["HUB_TEST_PORT"])

load_subconfig(str(Path(__file__).resolve().parents[2] / "deploy" / "jupyterhub_config.py"))  # noqa: F821
c = get_config()  # noqa: F821


class Limited(LocalProcessSpawner if SEPARATE else SimpleLocalProcessSpawner):
    """What systemd and Kubernetes do for all processes of a student together, Linux does here for each of
    them: memory of its own ends at `mem_limit`."""

    def make_preexec_fn(self, name):
        settle = super().make_preexec_fn(name)  # as that user, or only in their folder

        def before_it_starts():
            resource.setrlimit(resource.RLIMIT_DATA, (self.mem_limit, self.mem_limit))
            settle()

        return before_it_starts


c.JupyterHub.spawner_class = Limited
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = os.environ["HUB_TEST_PASSWORD"]
c.DummyAuthenticator.allow_all = True
if not SEPARATE and os.geteuid() == 0:
    c.Spawner.args = [*c.Spawner.args, "--allow-root"]
c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "homes" / "{username}")

c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT}"
c.JupyterHub.hub_port = PORT + 1
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PORT + 2}"
c.ConfigurableHTTPProxy.command = os.environ["HUB_TEST_PROXY"]
c.ConfigurableHTTPProxy.auth_token = os.urandom(16).hex()
c.JupyterHub.cookie_secret = os.urandom(32)
c.JupyterHub.db_url = "sqlite://"
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
