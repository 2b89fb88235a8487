"""deploy/: what needs no hub. The limits follow from what was measured, the values fit the chart, the links
lead to the chapters, what the container file and the script name is there. `make hub` starts the rest."""

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
sys.path.insert(0, str(DEPLOY))
import address  # noqa: E402
import hand_out  # noqa: E402
from environments.table import ENVIRONMENTS  # noqa: E402

VALUES = yaml.safe_load((DEPLOY / "values.yaml").read_text("utf-8"))
README = (DEPLOY / "README.md").read_text("utf-8")
SERVER = 200  # megabytes of a student's server without a kernel: `make hub` prints it, with room to spare
NOTEBOOKS = sorted(path.name for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))

# The keys of Zero to JupyterHub's chart that we use, as its reference documents them, and no others: a key
# that the chart does not know stops `helm`. https://z2jh.jupyter.org/en/stable/resources/reference.html
WHOLE = {"type": "integer", "minimum": 1}
BYTES = {"type": "string", "pattern": r"^\d+[KMGT]$"}
TEXT = {"type": "string", "minLength": 1}


def only(required=(), **properties):
    """An object with these properties and no others."""
    told = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**told, "required": list(required)}


ON = only(["enabled"], enabled={"type": "boolean"})
SCHEMA = only(
    ["singleuser", "cull"],
    singleuser=only(
        ["image", "memory", "cpu"],
        image=only(["name", "tag"], name=TEXT, tag=TEXT),  # a tag without quotes would be a number
        defaultUrl={"type": "string", "pattern": "^/"},
        startTimeout=WHOLE,
        memory=only(["guarantee", "limit"], guarantee=BYTES, limit=BYTES),
        cpu=only(["guarantee", "limit"], guarantee={"type": "number"}, limit={"type": "number"}),
        extraEnv={"type": "object", "additionalProperties": TEXT},  # Kubernetes refuses numbers here
        storage=only(["capacity"], capacity={"type": "string", "pattern": r"^\d+Gi$"}),
        extraFiles={
            "type": "object",
            "additionalProperties": only(
                ["mountPath", "data"],
                mountPath={"type": "string", "pattern": "^/.*json$"},
                data={"type": "object"},
            ),
        },
    ),
    cull=only(["enabled", "timeout", "every"], enabled={"type": "boolean"}, timeout=WHOLE, every=WHOLE),
    prePuller=only(hook=ON, continuous=ON),
    scheduling=only(userScheduler=ON),
)


class Settings(dict):
    """Stands for traitlets' configuration: what is not there yet is a section."""

    def __getattr__(self, name):
        return self.setdefault(name, Settings())

    __setattr__ = dict.__setitem__


def configuration() -> Settings:
    """What deploy/jupyterhub_config.py sets."""
    file, found = DEPLOY / "jupyterhub_config.py", Settings()
    exec(compile(file.read_text("utf-8"), file, "exec"), {"get_config": lambda: found, "__file__": str(file)})
    return found


def megabytes(text: str) -> float:
    """As JupyterHub counts: "2G" is two times 1024 megabytes."""
    return float(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


def peaks() -> list[int]:
    """The chapters' peak memory, in megabytes, as chapters/README.md tells it."""
    text = (ROOT / "chapters" / "README.md").read_text("utf-8")
    return [int(row.split("|")[4]) for row in text.splitlines() if re.match(r"\| \[\d\d ", row)]


def test_the_limits_follow_from_what_was_measured():
    """A chapter at its peak is granted, two are the limit; neither is far above what is needed."""
    largest = max(peaks())
    assert len(peaks()) >= len(NOTEBOOKS) and largest > 300
    memory = VALUES["singleuser"]["memory"]
    granted, limit = megabytes(memory["guarantee"]), megabytes(memory["limit"])
    assert SERVER + largest <= granted <= SERVER + largest + 512
    assert SERVER + 2 * largest <= limit <= SERVER + 2 * largest + 512


def test_the_sizes_in_the_readme_hold_a_class_in_the_heaviest_chapter():
    """What is granted to each student, and a gigabyte for the hub and the machine, once for each machine."""
    granted = megabytes(VALUES["singleuser"]["memory"]["guarantee"]) / 1024
    (told,) = re.findall(r"\[(\d+) MB\]\(\.\./chapters/README\.md\)", README)
    assert abs(int(told) - max(peaks())) <= 50, "the heaviest chapter, as deploy/README.md tells it"
    rows = re.findall(r"^\| (\d+) \| .*?(?:(\d+) × )?(\d+) GB.*?(\d+) cores", README, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [10, 50, 200]
    for students, machines, memory, cores in rows:
        count = int(machines or 1)
        assert int(students) * granted <= count * (int(memory) - 1)
        assert int(students) <= 5 * count * int(cores), "one core for five students"


def test_one_server_and_a_cluster_grant_the_same():
    settings, student = configuration(), VALUES["singleuser"]
    for spawner in (settings.Spawner, settings.SystemdSpawner):
        assert spawner.mem_limit == student["memory"]["limit"]
        assert spawner.cpu_limit == student["cpu"]["limit"]
    assert settings.Spawner.default_url == student["defaultUrl"]
    assert settings.Spawner.environment == student["extraEnv"]
    assert set(student["extraEnv"].values()) == {"1"}
    (file,) = student["extraFiles"].values()
    (culling,) = file["data"].values()
    told = [f"--MappingKernelManager.{name}={value}" for name, value in culling.items()]
    assert list(file["data"]) == ["MappingKernelManager"]
    assert told == [argument for argument in settings.Spawner.args if "cull" in argument]
    script = (DEPLOY / "tljh.sh").read_text("utf-8")
    assert f"services.cull.timeout {VALUES['cull']['timeout']}" in script
    assert culling["cull_idle_timeout"] < VALUES["cull"]["timeout"]


def test_the_options_of_a_students_server_exist():
    """A name that Jupyter does not know would be passed over in silence."""
    from jupyter_client.manager import KernelManager
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

    known = {
        owner.__name__: owner.class_traits(config=True) for owner in (KernelManager, MappingKernelManager)
    }
    for argument in configuration().Spawner.args:
        owner, name, value = re.fullmatch(r"--(\w+)\.(\w+)=(\w+)", argument).groups()
        known[owner][name].from_string(value)


def test_the_students_server_is_the_environment_that_is_installed_and_tested():
    environment = ENVIRONMENTS["hub"]
    python, *command = configuration().Spawner.cmd
    assert Path(python) == environment.home.path / "bin" / "python"
    assert command == ["-m", "jupyterhub.singleuser"]
    installs = "tools/install.py --environment hub"
    lines = (DEPLOY / "Containerfile").read_text("utf-8"), (DEPLOY / "tljh.sh").read_text("utf-8")
    assert installs in lines[0] and installs in lines[1].replace('"', "").replace("$course/", "")


def test_the_values_fit_the_chart():
    jsonschema.validate(VALUES, SCHEMA, cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "path, value",
    [
        (("singleuser", "memroy"), {"limit": "2G"}),
        (("singleuser", "image", "tag"), 1.0),
        (("singleuser", "extraEnv", "OMP_NUM_THREADS"), 1),
        (("singleuser", "memory", "limit"), "2 GB"),
        (("cull", "timeout"), "1h"),
    ],
)
def test_what_helm_would_refuse_is_refused(path, value):
    values = yaml.safe_load((DEPLOY / "values.yaml").read_text("utf-8"))
    place = values
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA, cls=jsonschema.Draft7Validator)


def instructions() -> list[tuple[str, list[str]]]:
    """The container file's instructions: the name and its words."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split()[0], shlex.split(line)[1:]) for line in lines if line]


def test_the_container_file_names_what_is_there():
    """What it copies exists; the image that it begins with is pinned; the user is not root."""
    told = instructions()
    begins, (image, *_more) = told[0]
    pinned = re.fullmatch(r"docker\.io/library/python:(3\.\d+)\.\d+-slim-\w+", image)
    assert begins == "FROM" and pinned and pinned[1] in ENVIRONMENTS["hub"].pythons
    copied = [word for name, words in told if name == "COPY" for word in words[:-1] if word[0] != "-"]
    assert all((ROOT / name).exists() for name in copied)
    assert {"metalib", "chapters", ENVIRONMENTS["hub"].lock, "requirements.lock"} <= set(copied)
    assert [words for name, words in told if name == "USER"] == [["1000"]]
    assert "RUN" not in [name for name, _words in told[told.index(("USER", ["1000"])) :]]
    names = dict(word.split("=", 1) for name, words in told if name == "ENV" for word in words)
    assert VALUES["singleuser"]["extraEnv"].items() <= names.items()


def test_what_the_container_copies_is_enough_to_set_up(tmp_path):
    """The first words of the set-up, with nothing around it but what the container file copies before."""
    place = tmp_path / "opt"
    for name, words in instructions():
        if name == "RUN" and "tools/install.py" in words:
            break
        if name == "COPY":
            for source in words[:-1]:
                target = (
                    place
                    / (words[-1] if words[-1] not in (".", "./") else "")
                    / (Path(source).name if words[-1].endswith("/") else "")
                )
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(ROOT / source)
    else:
        pytest.fail("the container file sets nothing up")
    ask = "import sys; sys.path.insert(0, 'tools'); from environments.table import ENVIRONMENTS as all; "
    ask += "from environments.commands import lines_of; print(len(lines_of(all['hub'].lock_file)))"
    done = subprocess.run([sys.executable, "-I", "-c", ask], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) > 100, done.stderr
    build = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "LICENSE-text", "metalib"}
    assert build <= {path.name for path in place.iterdir()}


def test_the_links_lead_to_the_chapters():
    """A row a chapter in deploy/README.md: the one address, its folder, and a notebook that exists."""
    repository = address.read(ROOT).repository
    rows = re.findall(r"^\| (\d\d_\w+) \| (https\S+) \|$", README, re.MULTILINE)
    assert [name + ".ipynb" for name, _link in rows] == NOTEBOOKS
    for name, link in rows:
        parts = urlsplit(link)
        assert parts.path == "/hub/user-redirect/git-pull"
        asked = {key: value for key, (value,) in parse_qs(parts.query, strict_parsing=True).items()}
        folder = repository.rpartition("/")[2]
        place = f"lab/tree/{folder}/chapters/{name}.ipynb"
        assert asked == {"repo": repository, "branch": "main", "urlpath": place}
    assert hand_out.table("https://hub.example.org/") in README


def test_the_links_are_printed_for_any_hub():
    def said(*arguments):
        command = [sys.executable, DEPLOY / "hand_out.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    assert said("https://class.example.com/jupyter").stdout.count(
        "https://class.example.com/jupyter/hub/"
    ) == len(NOTEBOOKS)
    assert said().returncode != 0 and "https://hub.example.org" in said().stderr


@pytest.mark.skipif(os.name == "nt", reason="a server for students runs Linux")
def test_the_script_for_one_server(tmp_path):
    """On a Littlest JupyterHub of paper: the environment, the link to the configuration, the settings."""
    script, said = DEPLOY / "tljh.sh", tmp_path / "said"
    assert script.stat().st_mode & stat.S_IXUSR
    settings = tmp_path / "tljh" / "hub" / "bin" / "tljh-config"
    environment = {**os.environ, "TLJH": str(tmp_path / "tljh"), "PYTHON": str(tmp_path / "python")}
    refused = subprocess.run([script], env=environment, capture_output=True, text=True)
    assert refused.returncode == 1 and "There is no Littlest JupyterHub in" in refused.stderr
    settings.parent.mkdir(parents=True)
    for place in (settings, tmp_path / "python"):
        place.write_text(f'#!/bin/sh\necho "$(basename "$0")" "$@" >> "{said}"\n')
        place.chmod(0o755)
    for _again in range(2):
        subprocess.run([script], env=environment, check=True)
    assert said.read_text().splitlines()[:3] == [
        f"python {ROOT}/tools/install.py --environment hub",
        "tljh-config set services.cull.timeout 7200",
        "tljh-config reload hub",
    ]
    (link,) = (tmp_path / "tljh" / "config" / "jupyterhub_config.d").iterdir()
    assert link.suffix == ".py" and link.resolve() == DEPLOY / "jupyterhub_config.py"
