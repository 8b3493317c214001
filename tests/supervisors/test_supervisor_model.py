"""Random crashes, ends, kills and orders, against a simple model of what a supervisor promises."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actorch.supervisors import Budget
from trees_of_actors import WAIT, incarnations, quiet, stage, states

TYPES = st.sampled_from(["permanent", "transient", "temporary"])
NAMES = [f"n{number}" for number in range(12)]


class SupervisorModel(RuleBasedStateMachine):
    """The model: for each child, in order, its restart type, whether it runs, its incarnation."""

    strategy = "one_for_one"

    def __init__(self):
        super().__init__()
        self.staging = stage()
        self.on = self.staging.__enter__()
        self.silence = quiet()
        self.silence.__enter__()
        self.supervisor = self.on.supervise(
            strategy=self.strategy, child_budget=Budget(1_000_000, 1.0)
        )
        self.model: dict[str, list] = {}
        self.names = iter(NAMES)

    def teardown(self):
        self.on.pass_()
        running = [name for name, (_type, runs, _number) in self.model.items() if runs]
        self.supervisor.stop(block=False)
        seen = self.on.pass_()
        assert seen == [f"stop {name}" for name in reversed(running)]
        assert self.on.dispatcher.actors() == []
        self.silence.__exit__(None, None, None)
        self.staging.__exit__(None, None, None)

    @precondition(lambda self: len(self.model) < len(NAMES))
    @rule(kind=TYPES)
    def start(self, kind):
        name = next(self.names, None)
        if name is None:
            return
        self.supervisor.start_child(self.on.child(name, restart=kind, backoff=WAIT))
        self.model[name] = [kind, True, 1]
        assert self.on.pass_() == [f"start {name}"]

    @rule(data=st.data(), what=st.sampled_from(["crash", "end", "kill"]))
    def end(self, data, what):
        running = [name for name, (_type, runs, _number) in self.model.items() if runs]
        if not running:
            return
        name = data.draw(st.sampled_from(running))
        ref = self.supervisor.child(name)
        ref.kill() if what == "kill" else ref.tell(what)
        seen = self.on.pass_() + self.on.pass_(1.0)
        own = [] if what == "crash" else [f"stop {name}"]
        assert seen == own + self.expect(name, failed=what != "end")
        if what == "kill":
            assert not ref.is_alive() or ref.incarnation == self.model[name][2]

    def expect(self, name, *, failed):
        """What follows the end of a child, and the model after it."""
        kind = self.model[name][0]
        if kind == "temporary" or (kind == "transient" and not failed):
            self.gone(name)
            return []
        order = list(self.model)
        place = order.index(name)
        swept = {"one_for_one": [name], "one_for_all": order, "rest_for_one": order[place:]}
        concerned = [one for one in swept[self.strategy] if self.model[one][1]]
        stopped = [f"stop {one}" for one in reversed(concerned) if one != name]
        started = []
        for one in concerned:
            if self.model[one][0] == "temporary":
                self.gone(one)
            else:
                self.model[one][2] += 1
                started.append(f"start {one}")
        return stopped + started

    def gone(self, name):
        if self.model[name][0] == "temporary":
            del self.model[name]
        else:
            self.model[name][1] = False

    @rule(data=st.data())
    def terminate(self, data):
        if not self.model:
            return
        name = data.draw(st.sampled_from(list(self.model)))
        runs = self.model[name][1]
        self.supervisor.terminate_child(name)
        assert self.on.pass_() == ([f"stop {name}"] if runs else [])
        self.gone(name)

    @rule(data=st.data(), again=st.booleans())
    def restart_or_delete(self, data, again):
        ended = [name for name, (_type, runs, _number) in self.model.items() if not runs]
        if not ended:
            return
        name = data.draw(st.sampled_from(ended))
        if again:
            self.supervisor.restart_child(name)
            self.model[name][1] = True
            self.model[name][2] += 1
            assert self.on.pass_() == [f"start {name}"]
        else:
            self.supervisor.delete_child(name)
            del self.model[name]

    @invariant()
    def the_supervisor_says_what_the_model_says(self):
        if self.supervisor.is_alive():
            assert states(self.supervisor) == {
                name: "running" if runs else "ended"
                for name, (_type, runs, _number) in self.model.items()
            }
            assert incarnations(self.supervisor) == {
                name: number for name, (_type, _runs, number) in self.model.items()
            }


class OneForAllModel(SupervisorModel):
    strategy = "one_for_all"


class RestForOneModel(SupervisorModel):
    strategy = "rest_for_one"


SETTINGS = settings(max_examples=40, stateful_step_count=25, deadline=None)
SupervisorModel.TestCase.settings = SETTINGS
OneForAllModel.TestCase.settings = SETTINGS
RestForOneModel.TestCase.settings = SETTINGS
TestOneForOne = SupervisorModel.TestCase
TestOneForAll = OneForAllModel.TestCase
TestRestForOne = RestForOneModel.TestCase
