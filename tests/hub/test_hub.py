"""Ten students on one hub: log in, pull the chapters, run one, move a slider, and be in nobody's way.

`make hub` runs this; JupyterHub and the students' servers run in .hub, as deploy/ installs it. Times and
sizes are printed, not judged: what is asserted is that everybody is answered at all, and that nobody reaches
what is another's.
"""

import re
import statistics
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from classroom import CHAPTER, PATIENCE, ROOT, classroom
from student import Gone, Student

sys.path.insert(0, str(ROOT / "deploy"))
import hand_out  # noqa: E402

MOVES = 20


@pytest.fixture(scope="module")
def room():
    """The class in the middle of its lesson: everybody has run the chapter as far as its laboratory."""
    with classroom() as room:

        async def come_in(student: Student) -> float:
            begun = time.monotonic()
            await student.log_in()
            await student.start()
            await student.pull(room.repository)
            for code in await student.open(CHAPTER):
                await student.run(code)
                if "Laboratory(" in code:
                    break
            return time.monotonic() - begun

        room.waited = room.do(*map(come_in, room.students))
        yield room


def per_move(room, students):
    """The seconds from a slider to the new picture, of all moves; every student moves all the time."""

    async def play(student):
        return [await student.move() for _turn in range(MOVES)]

    return sorted(seconds for own in room.do(*map(play, students)) for seconds in own)


def test_a_class_moves_its_sliders(room, capsys):
    alone, together = per_move(room, room.students[:1]), per_move(room, room.students)
    memory = [room.memory(student) for student in room.students]
    assert len(together) == MOVES * len(room.students) and together[-1] < PATIENCE
    assert all(server > 1 and kernel > 1 for server, kernel in memory)
    rows = [
        ("seconds from login to laboratory, all at once", *room.waited),
        ("megabytes a student, server", *(value for value, _kernel in memory)),
        ("megabytes a student, kernel", *(value for _server, value in memory)),
        ("megabytes a student, together", *map(sum, memory)),
        ("milliseconds from slider to picture, one active", *(1000 * each for each in alone)),
        (f"milliseconds from slider to picture, {len(memory)} active", *(1000 * each for each in together)),
    ]
    with capsys.disabled():
        print(f"\n\n{len(memory)} students in chapter {CHAPTER}; ", end="")
        print(room.separate or "each is a system user of their own")
        print(f"{'':<50} {'median':>8} {'95 %':>8} {'most':>8}")
        for what, *values in rows:
            late = statistics.quantiles(values, n=20, method="inclusive")[-1]
            print(f"{what:<50} {statistics.median(values):8.0f} {late:8.0f} {max(values):8.0f}")


def test_the_servers_are_as_the_configuration_says(room):
    (said,) = room.do(
        room.students[0].run(
            "import os, resource, torch\n"
            "limit, _hard = resource.getrlimit(resource.RLIMIT_DATA)\n"
            "print(limit, os.environ['MEM_LIMIT'], torch.get_num_threads())"
        )
    )
    limit, told, threads = map(int, said.split())
    assert limit == told and threads == 1


def test_nobody_reads_anothers_progress(room):
    one, other, *_rest = room.students
    (place,) = room.do(
        one.run(
            "from metalib.exercises import progress\n"
            "progress.record('00/warm-up', passed=True)\n"
            "print(progress.path())"
        )
    )
    assert room.home(one) in Path(place.strip()).parents
    # Through the hub: neither files nor a kernel nor the account, whoever's token it is.
    for path in (
        f"/user/{one.name}/api/contents/learning-to-learn/chapters",
        f"/user/{one.name}/files/learning-to-learn/chapters/{CHAPTER}.ipynb",
        f"/user/{one.name}/api/kernels/{one.kernel}",
        f"/hub/api/users/{one.name}",
    ):
        mine, theirs, nobodys = room.do(
            one.fetch(path), other.fetch(path), Student(room.base, "", "").fetch(path, follow_redirects=False)
        )
        assert mine.code == 200, path
        assert theirs.code in (403, 404), path
        assert nobodys.code in (302, 403), path
    # And on the machine itself.
    if room.separate:
        pytest.skip(f"files of other users: {room.separate}")
    reading = f"print(open({place.strip()!r}).read())"
    (own,) = room.do(one.run(reading))
    assert "00/warm-up" in own
    with pytest.raises(RuntimeError, match="PermissionError"):
        room.do(other.run(reading))
    with pytest.raises(RuntimeError, match="PermissionError"):
        room.do(other.run(f"import os; print(os.listdir({str(room.home(one))!r}))"))


def test_nobody_overhears_anothers_kernel(room):
    """A kernel's output goes through a port of this machine, to which every user of it can connect."""
    one, other, *_rest = room.students
    ports = {
        connection.laddr.port
        for process in room.processes(one)
        for connection in process.net_connections("tcp")
        if connection.status == "LISTEN"
    }
    assert len(ports) >= 5
    listen = textwrap.dedent(
        f"""
        import time, zmq
        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.subscribe(b"")
        for port in {sorted(ports)}:
            socket.connect(f"tcp://127.0.0.1:{{port}}")
        time.sleep(1)
        print(socket.poll(3000))
        """
    )
    heard, _printed = room.do(
        other.run(listen), one.run("import time\nfor _ in range(30):\n  print('secret'); time.sleep(0.1)")
    )
    assert heard.strip() == "0"


def test_a_class_goes_on_where_one_runs_out_of_memory(room):
    greedy, *others = room.students
    eating = "import numpy\nheap = [numpy.ones(10**7) for _turn in range(50)]"  # 4 gigabytes

    async def eat():
        try:
            return await greedy.run(eating)
        except RuntimeError as error:
            return str(error)
        except Gone:  # the kernel itself
            return "MemoryError"

    end, *moves = room.do(eat(), *(other.move() for other in others))
    assert "MemoryError" in end
    assert sum(room.memory(greedy)) < 2.1 * 1024, "the limit of deploy/jupyterhub_config.py"
    assert max(moves + room.do(*(other.move() for other in others))) < PATIENCE


def test_a_student_follows_the_link_in_a_browser(room, browser):
    """The link of deploy/README.md: log in, the chapter opens, *Run all*, and a key moves the slider."""
    student = room.students[-1]
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(1000 * PATIENCE)
    elsewhere = []

    def only_here(route):
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            return route.continue_()
        elsewhere.append(route.request.url)
        return route.abort()

    page.route(re.compile("^https?:"), only_here)
    page.goto(hand_out.link(room.base, f"chapters/{CHAPTER}.ipynb", room.repository))
    page.get_by_label("Username").fill(student.name)
    page.get_by_label("Password").fill(room.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Start here").wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    laboratory = page.locator(".metalib-laboratory").first
    laboratory.wait_for()
    picture = laboratory.locator("img").first
    slider = laboratory.get_by_role("slider", name="shots")
    before = picture.get_attribute("alt")
    slider.press("ArrowRight")
    page.wait_for_function(
        "([picture, before]) => picture.alt != before", arg=[picture.element_handle(), before]
    )
    assert f"/user/{student.name}/lab" in page.url and not elsewhere
    page.context.close()


def test_a_class_goes_on_where_one_is_killed(room):
    unlucky = room.students[1]
    others = [student for student in room.students if student is not unlucky]
    for process in room.processes(unlucky):
        process.kill()
    with pytest.raises(Gone):
        room.do(unlucky.move())
    assert max(room.do(*(other.move() for other in others))) < PATIENCE
    unlucky.close()
    room.do(unlucky.start())  # and may come back


def test_a_teacher_sees_how_far_the_class_is(room):
    command = [sys.executable, "-m", "metalib", "progress", str(room.folder / "homes")]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    row = next(line for line in table.splitlines() if line.startswith(room.students[0].name))
    assert row.split()[1].startswith("1/"), table
