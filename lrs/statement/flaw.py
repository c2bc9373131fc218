"""A broken rule: where in the JSON, which rule, which section of the standard. And the type checks that all concepts share."""

from __future__ import annotations

from typing import Any

_JSON_NAMES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


class Flaw(ValueError):
    """One broken rule. Raised where it is found; each caller on the way up prepends its own step of the path."""

    def __init__(self, rule: str, section: str, *path: str | int) -> None:
        super().__init__(rule)
        self.rule = rule
        self.section = section
        self.steps: list[str | int] = list(path)

    def under(self, *steps: str | int) -> Flaw:
        """The same flaw, seen from further outside."""
        self.steps[:0] = steps
        return self

    @property
    def path(self) -> str:
        """JSON path, for example `$[3].actor.mbox`."""
        text = "$"
        for step in self.steps:
            if isinstance(step, int):
                text += f"[{step}]"
            elif step.isidentifier():
                text += f".{step}"
            else:
                text += f"[{step!r}]"
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.rule} ({self.section})"


def json_name(value: Any) -> str:
    """What JSON calls the value's type, with its article."""
    return _JSON_NAMES.get(type(value), "null" if value is None else "something else")


def wrong_type(expected: str, value: Any, section: str, *path: str | int) -> Flaw:
    """A flaw that says which type was expected and which was found."""
    return Flaw(f"must be {expected}, not {json_name(value)}", section, *path)


def check_keys(value: Any, allowed: frozenset[str], section: str) -> None:
    """`value` is an object with no key besides `allowed` (keys are compared with their case)."""
    if type(value) is not dict:
        raise wrong_type("an object", value, section)
    if not value.keys() <= allowed:
        key = next(key for key in value if key not in allowed)
        raise Flaw(f"is not a property of this object; known are {', '.join(sorted(allowed))}", section, key)


def check_string(value: Any, section: str, *path: str | int) -> None:
    if type(value) is not str:
        raise wrong_type("a string", value, section, *path)


def check_boolean(value: Any, section: str, *path: str | int) -> None:
    if type(value) is not bool:
        raise wrong_type("a boolean", value, section, *path)
