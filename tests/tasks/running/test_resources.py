"""What steps ask of a cluster, and what is said where no node has it."""

import pytest

from tasks.encode import encode
from tasks.environment import Machine, Resources
from tasks.ingest import ingest
from tasks.predict import predict
from tasks.pretrain import pretrain
from tasks.running.resources import asked, complaint, fits

PLAIN = [{"CPU": 4.0, "memory": 8e9}, {"CPU": 8.0, "memory": 16e9}]
MIXED = [{"CPU": 64.0, "memory": 64e9}, {"CPU": 16.0, "GPU": 2.0, "memory": 64e9}]


def test_a_pretraining_has_a_node_and_others_a_share() -> None:
    machine = Machine(jobs=2)
    found = [asked(step, machine, PLAIN) for step in (pretrain, predict, encode, ingest)]
    assert [(item.cpus, item.gpus) for item in found] == [(8, 0), (4, 0), (1, 0), (1, 0)]


def test_where_there_are_gpus_only_what_they_make_quicker_asks_for_one() -> None:
    machine = Machine(jobs=2)
    found = [asked(step, machine, MIXED) for step in (pretrain, predict, encode, ingest)]
    assert [(item.cpus, item.gpus) for item in found] == [(16, 1), (8, 0.5), (1, 0), (1, 0)]
    assert asked(pretrain, Machine(device="cpu"), MIXED).gpus == 0


def test_threads_and_the_recipe_say_otherwise() -> None:
    machine = Machine(threads=2, jobs=1, resources={"pretrain": Resources(cpus=3, gpus=2, memory_gb=5)})
    assert asked(pretrain, machine, MIXED) == Resources(3, 2, 5)
    assert asked(predict, machine, PLAIN).cpus == 2


@pytest.mark.parametrize(
    "wanted", [Resources(cpus=9), Resources(cpus=1, gpus=1), Resources(cpus=1, memory_gb=17)]
)
def test_what_no_node_has_is_said_with_what_there_is(wanted: Resources) -> None:
    assert not fits(wanted, PLAIN)
    line = complaint("pretrain", wanted, PLAIN)
    assert "no node" in line and "4 CPUs, 8 GB; 8 CPUs, 16 GB" in line and "resources.pretrain" in line


def test_what_a_node_has_is_no_complaint() -> None:
    assert complaint("pretrain", Resources(8, 0, 16), PLAIN) == ""


def test_several_processes_need_room_on_all_nodes_together() -> None:
    nodes = [{"CPU": 4.0, "memory": 8e9}, {"CPU": 4.0, "memory": 8e9}]
    for wanted in (
        Resources(4, processes=2),
        Resources(2, processes=4),
        Resources(1, memory_gb=4, processes=4),
    ):
        assert complaint("pretrain", wanted, nodes) == ""
    for wanted, room in (
        (Resources(4, processes=4), 2),
        (Resources(3, processes=3), 2),
        (Resources(1, 0, 3, 5), 4),
    ):
        line = complaint("pretrain", wanted, nodes)
        assert f"each of {wanted.processes} processes" in line and f"room for {room} " in line
    assert "4 CPUs for each of 4 processes" in complaint(
        "pretrain", asked(pretrain, Machine(processes=4), nodes), nodes
    )
    halves = Resources(1, 0.5, processes=4)
    assert complaint("pretrain", halves, [{"CPU": 4.0, "GPU": 2.0}]) == ""
    assert "room for 2 " in complaint("pretrain", halves, [{"CPU": 4.0, "GPU": 1.0}])
