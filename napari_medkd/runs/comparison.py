"""Before and after: what a run that learnt from corrections says of the new model beside the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd.errors import UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

FILE = "comparison.json"
FORGOTTEN = 0.01  # mean Dice that the replay set may lose
_KIND_FORGOTTEN = 0.03  # that one kind of it may lose before it is named: it has few cases
_AS_BEFORE = (
    "It answers as the old one does: what was learnt helped none of the cases that it is chosen by, and was "
    "not kept. Correct more images, or choose another method."
)
_NOTHING = 0.002  # mean Dice that nobody would notice
Verdict = Literal["better", "worse", "unclear", "unmeasured"]
SetKind = Literal["corrections", "replay"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class Interval(_Part):
    """A mean and where it would lie on other cases."""

    mean: float | None = Field(description="Over objects; null where there are none.")
    low: float | None = Field(description="Lower end of the 95 % bootstrap interval over cases.")
    high: float | None = Field(description="Upper end; both null where there are fewer than two cases.")


class Change(_Part):
    """One figure of both models, and the change of each object."""

    before: Interval = Field(description="Of the model that was in use.")
    after: Interval = Field(description="Of the new one.")
    change: Interval = Field(description="After minus before, object by object.")


class SetComparison(_Part):
    """Both models on the same objects."""

    name: str = Field(description="Which images.")
    kind: SetKind = Field(
        description="The user's held-out cases, or images of other kinds that must not be forgotten."
    )
    cases: int = Field(description="Independent cases.")
    objects: int = Field(description="Objects that were asked for.")
    figures: dict[str, Change] = Field(
        description="`dice@1` and `nsd` of the answer to the first click, or without any prompt; `dice` "
        "after the last click, and the clicks needed for an overlap of 85 percent, `noc85`. Of a model that "
        "learnt a kind of image, `taken`: the share of the images that it takes for that kind."
    )
    parts: dict[str, Change] = Field(
        default_factory=dict,
        description="`dice@1` of each folder that must not be forgotten, where there are several.",
    )


class Latency(_Part):
    """How long answers take on the computer that compared, in seconds."""

    encode: float = Field(description="Median time to encode a slice.")
    answer: float = Field(description="Median time to answer a click.")


class WorstCase(_Part):
    """One of the objects that became worse, or that are still worst."""

    set: str = Field(description="Which images.")
    case: str = Field(description="Its case, by a pseudonym.")
    object: str = Field(description="Which object of the case.")
    before: float = Field(description="Dice of the old model's first answer.")
    after: float = Field(description="Dice of the new one's.")
    picture: str = Field(
        description="PNG file relative to the run's folder: truth, old answer and new answer side by side."
    )


class Comparison(_Part):
    """What ``comparison.json`` in a run's folder holds."""

    schema_version: Literal[1] = Field(1, description="Version of this form.")
    before: str = Field(description="Id of the model that was in use.")
    after: str = Field(description="Id of the new one.")
    cap: int = Field(description="The most clicks an object was given; what a miss counts as.")
    prompts: Literal["click", "box", "auto"] = Field(
        "click", description="What both models were given; `auto`: nothing, they look by themselves."
    )
    kind: str = Field("", description="The kind of image that the new model learnt; empty for none.")
    sets: list[SetComparison] = Field(description="The user's held-out cases first, then the replay set.")
    latency_before: Latency = Field(description="Of the model that was in use.")
    latency_after: Latency = Field(description="Of the new one.")
    worst: list[WorstCase] = Field(description="At most five, the largest loss first.")
    seconds: float = Field(description="How long the comparing took.")

    @property
    def verdict(self) -> Verdict:
        """What the held-out cases of the corrections say of the answer to the first click."""
        return _verdict(self._of("corrections"), "dice@1")

    @property
    def forgets(self) -> bool:
        """Whether the replay set lost more than it may."""
        found = self._of("replay")
        change = found.figures["dice@1"].change.mean if found is not None else None
        return change is not None and change < -FORGOTTEN

    @property
    def is_as_before(self) -> bool:
        """Whether the new model answers everything as the old one did: nothing of what it learnt was kept."""
        changes = [change.change for one in self.sets for change in one.figures.values()]
        return bool(changes) and all((one.mean, one.low or 0, one.high or 0) == (0, 0, 0) for one in changes)

    @property
    def sentences(self) -> list[str]:
        """The same for people: what the held-out cases say, what was forgotten, and what to do."""
        own, replay = self._of("corrections"), self._of("replay")
        if self.is_as_before and not self.kind:
            return [_AS_BEFORE]
        said = [_own_sentence(own, self.verdict, self.prompts)]
        if own is not None and self.kind:
            said.append(f"It takes {_taken(own)} of {_many(own.objects, 'image')} for {self.kind}.")
        if replay is not None:
            said.append(_replay_sentence(replay, self.forgets))
            said += [_kept_sentence(replay, self.kind)] if self.kind else []
        elif self.kind:
            said.append("No image of a kind that it knew is at hand, so nothing shows whether it keeps them.")
        return said

    def _of(self, kind: str) -> SetComparison | None:
        return next((one for one in self.sets if one.kind == kind and one.objects), None)

    @classmethod
    def load(cls, folder: Path) -> Comparison | None:
        """Read the comparison of a run; None where it has not come to one."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise UnreadableFile(
                f"The {FILE} of the run {folder.name} cannot be read.",
                "It may come from another version of napari-medkd.",
            ) from error


def _verdict(found: SetComparison | None, figure: str) -> Verdict:
    if found is None:
        return "unmeasured"
    change = found.figures[figure].change
    if change.low is None or change.high is None:
        return "unclear"
    if change.low > 0:
        return "better"
    return "worse" if change.high < 0 else "unclear"


def _own_sentence(found: SetComparison | None, verdict: Verdict, prompts: str) -> str:
    if found is None:
        return "There are no held-out cases among your corrections yet, so nothing shows whether it helps."
    first = found.figures["dice@1"]
    what = "what it suggests has" if prompts == "auto" else "the first click gives"
    objects = _many(found.objects, "image" if prompts == "auto" else "object")
    said = (
        f"On {objects} of {_many(found.cases, 'held-out case')} {what} Dice {first.after.mean:.3f} instead "
        f"of {first.before.mean:.3f}"
    )
    words = {
        "better": ": better.",
        "worse": ": worse.",
        "unclear": "; too few cases to tell that from chance.",
        "unmeasured": ".",
    }
    return said + words[verdict]


def _replay_sentence(found: SetComparison, forgets: bool) -> str:
    first = found.figures["dice@1"]
    said = f"On {_many(found.objects, 'object')} of other kinds of images: {first.after.mean:.3f} instead of "
    said += f"{first.before.mean:.3f}"
    worst = _lost_most(found)
    if forgets:
        return f"{said}: it forgets, keep the old one for those{f'. Worst: {worst}' if worst else ''}."
    lost = first.change.mean is not None and first.change.mean < -_NOTHING
    verdict = f"within the {FORGOTTEN:g} that it may lose" if lost else "nothing is forgotten"
    return f"{said}: {verdict}{f' on average, but {worst}' if worst else ''}."


def _lost_most(found: SetComparison) -> str:
    """Name the kind that lost much, which a mean over all may hide; empty where none did."""
    lost = {
        name: -change.change.mean for name, change in found.parts.items() if change.change.mean is not None
    }
    name = max(lost, key=lambda one: lost[one], default="")
    if not name or lost[name] <= _KIND_FORGOTTEN:
        return ""
    change = found.parts[name]
    return f"{name} goes from {change.before.mean:.3f} to {change.after.mean:.3f}"


def _taken(found: SetComparison) -> int:
    return round((found.figures["taken"].after.mean or 0.0) * found.objects)


def _kept_sentence(found: SetComparison, kind: str) -> str:
    taken = _taken(found)
    if not taken:
        return f"It takes none of these for {kind}, so it answers them as before, to the bit."
    return f"It takes {taken} of these for {kind}; what it answers to the others is the same to the bit."


def _many(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"
