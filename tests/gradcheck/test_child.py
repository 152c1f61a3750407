"""Whatever happens in a child process, the parent goes on and has a sentence."""

import os
import signal
import subprocess
import sys
import time

import pytest

from minicap.errors import InputError
from minicap.gradcheck.child import FLOOD, explain, place_of, run_in_child

CODE = """
import ctypes, os, subprocess, sys, threading, time

def doubled(number): return 2 * number
def environment(): return os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"], sys.stdin.read()
def says(text): print(text); return None
def raises(): raise ValueError("the  reason\\nof it")
def leaves(): sys.exit(3)
def leaves_at_once(): os._exit(5)
def loops():
    while True: pass
def floods():
    while True: print("x" * 10_000)
def reads(): return input("name? ")
def recurses(): return recurses()
def crashes(): ctypes.string_at(0)
def hungry(): return len(bytearray(3_000_000_000))
def waits_for_a_thread(): threading.Thread(target=time.sleep, args=(60,)).start(); return 1
def leaves_a_process(): return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid
def gives_no_json(): return object()
def hides_its_words():
    class Mute(Exception):
        def __str__(self): raise RuntimeError
    raise Mute
def gives_bad_input():
    from minicap.errors import InputError
    raise InputError("--inputs: no")
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """Put a module of misbehaving functions where children find it."""
    (tmp_path / "misbehaviour.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))


def run(name, seconds=30.0, memory_mb=None, threads=1, **args):
    return run_in_child(f"misbehaviour:{name}", args, seconds=seconds, memory_mb=memory_mb, threads=threads)


def test_the_value_comes_back():
    outcome = run("doubled", number=21)
    assert (outcome.kind, outcome.value, outcome.sentence) == ("ok", 42, "")
    assert 0 < outcome.seconds < 30


def test_threads_are_limited_and_standard_input_is_closed():
    assert run("environment", threads=1).value == ["1", "1", ""]
    assert run("environment", threads=2).value == ["2", "2", ""]


def test_the_beginning_of_what_it_prints_is_kept():
    outcome = run("says", text="a" * 100_000)
    assert outcome.kind == "ok"
    assert outcome.output == "a" * 4000


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("raises", "raised", "it raised ValueError at misbehaviour.py:7: the reason of it"),
        ("leaves", "exit", "it leaves Python with sys.exit at misbehaviour.py:8"),
        ("leaves_at_once", "exit", "it left the Python process with exit code 5 before it had finished"),
        ("floods", "flood", f"it printed more than {FLOOD // 1_000_000} MB and was stopped"),
        ("reads", "raised", "it reads from the keyboard at misbehaviour.py:14"),
        ("recurses", "raised", "it calls itself without end at misbehaviour.py:15"),
        ("crashes", "crash", "it crashed the Python process (SIG"),
        ("gives_no_json", "raised", "the check broke down with TypeError: Object of type object is not JSON"),
        ("hides_its_words", "raised", "it raised Mute at misbehaviour.py:24"),
        ("gives_bad_input", "input", "--inputs: no"),
        ("is_not_there", "raised", "the check broke down with AttributeError"),
    ],
)
def test_each_end_has_its_sentence(name, kind, sentence):
    outcome = run(name)
    assert (outcome.kind, outcome.value) == (kind, None)
    assert outcome.sentence.startswith(sentence)
    assert "\n" not in outcome.sentence


def test_a_loop_without_end_is_stopped_in_time():
    outcome = run("loops", seconds=0.8)
    assert outcome.kind == "timeout"
    assert outcome.sentence.startswith("it took longer than 0.8 s and was stopped")
    assert outcome.seconds < 10


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")
def test_memory_is_limited():
    outcome = run("hungry", memory_mb=1500)
    assert outcome.kind == "memory"
    assert outcome.sentence == "it needs more memory than there is at misbehaviour.py:17"


def test_threads_that_still_run_are_not_waited_for():
    outcome = run("waits_for_a_thread")
    assert (outcome.kind, outcome.value) == ("ok", 1)
    assert outcome.seconds < 30


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
def test_processes_that_it_started_end_with_it():
    pid = run("leaves_a_process").value
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if _state(pid) == "Z":  # it has ended, and its new parent has not looked yet
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("a process was left behind")


def _state(pid):
    """Return the letter that ps shows for a process."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1]


def test_the_place_is_the_deepest_line_of_somebodys_own():
    with pytest.raises(ValueError) as caught:
        exec(compile("import json\n\njson.loads('{')", "/somewhere/theirs.py", "exec"))
    assert place_of(caught.value) == "theirs.py:3"
    assert explain(caught.value)[1].startswith("it raised JSONDecodeError at theirs.py:3: Expecting")


def test_input_errors_say_what_they_say():
    assert explain(InputError("x.py: there is no such file")) == ("input", "x.py: there is no such file")
