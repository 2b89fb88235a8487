"""What the course asks of a JupyterHub whose students work on the hub's own machine.

The Littlest JupyterHub reads it from its folder `jupyterhub_config.d`, where `deploy/tljh.sh` puts a link to
it; `make hub` runs ten students under it. A cluster has the same in `deploy/values.yaml`.
"""

from pathlib import Path

c = get_config()  # noqa: F821

COURSE = Path(__file__).resolve().parents[1]  # through the link: where the course was cloned

# A student's server is the course's own environment, with the versions of requirements-hub.lock.
c.Spawner.cmd = [str(COURSE / ".hub" / "bin" / "python"), "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
# One thread: with one a processor each would wait for all the others, and for those of the neighbours.
c.Spawner.environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
c.Spawner.args = [
    # A chapter that was left open gives its memory back after an hour without a cell or a slider.
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--MappingKernelManager.cull_interval=300",
    "--MappingKernelManager.cull_connected=True",
    # What a kernel prints travels through a port that every user of the machine could listen to.
    "--KernelManager.transport_encryption=auto",
]

# Two chapters at their peak and the server (chapters/README.md; tests/test_deploy.py keeps them in step).
# TLJH's own settings stand under SystemdSpawner, and would go before Spawner's.
for spawner in (c.Spawner, c.SystemdSpawner):
    spawner.mem_limit = "2G"
    spawner.cpu_limit = 1.0
