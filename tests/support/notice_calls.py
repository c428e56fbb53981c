"""Finds every call in the source of udpnote that makes an error or a notice, and checks it against the sentence of its kind.

The sentences are in `udpnote.text.messages`. This module also makes examples of each sentence.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from string import Formatter

from hypothesis import strategies as st

from tests.support.source import Module, modules, nodes
from udpnote import errors
from udpnote.errors import UdpnoteError
from udpnote.text.messages.forms import Counted, Sentence
from udpnote.text.messages.sentences import SENTENCES, TABLES
from udpnote.text.other_programs.imported_note import LeftOut

KIND = re.compile(r"[a-z][a-z0-9_]*")


def _calls(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
    """Yield each call below `node`, and the function in which it is; `function` is the one in which `node` is."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from _calls(child, child if isinstance(child, ast.FunctionDef) else function)


def _kinds(call: ast.Call, function: ast.FunctionDef | None, module: Module) -> set[str]:
    """Return the strings that the first argument of `call` may be.

    If it is a variable, these are the strings that `function` assigns to it, and those that callers in `module` pass for it.
    """
    given = call.args[:1]
    if function is not None and given and isinstance(given[0], ast.Name):
        variable = given[0].id
        targets = [(each.value, map(ast.unparse, each.targets)) for each in ast.walk(function) if isinstance(each, ast.Assign)]
        given += [value for value, names in targets if variable in names]
        if variable in [argument.arg for argument in function.args.args]:
            callers = [each for each, _ in _calls(module.tree, None) if ast.unparse(each.func) == function.name]
            given += [each for caller in callers for each in (*caller.args, *(keyword.value for keyword in caller.keywords))]
    texts = [each.value for value in given for each in ast.walk(value) if isinstance(each, ast.Constant)]
    return {text for text in texts if isinstance(text, str)}


@cache
def _error_names() -> frozenset[str]:
    """Return the names of all classes of errors in udpnote."""
    found, before = {"UdpnoteError"}, set[str]()
    while found != before:
        before = set(found)
        for name in modules():
            classes = [node for node in nodes(name) if isinstance(node, ast.ClassDef)]
            found |= {each.name for each in classes if found & {base.id for base in each.bases if isinstance(base, ast.Name)}}
    return frozenset(found)


def _own_parameters(error: str) -> frozenset[str]:
    """Return the parameters of the class `error` that it keeps as attributes, and does not pass to its notice."""
    parameters = inspect.signature(getattr(errors, error, UdpnoteError)).parameters.values()
    return frozenset(each.name for each in parameters if each.kind is not each.VAR_KEYWORD) - {"kind"}


def faults() -> Iterator[str]:
    """Yield what is wrong in the source: calls whose kind or values cannot be read, and values that a sentence lacks.

    Also kinds without a sentence, kinds with several sentences, and sentences that no call uses.
    """
    entries = [kind for table in TABLES for kind in table.SENTENCES]
    yield from (f"{kind} has several entries" for kind in sorted({kind for kind in entries if entries.count(kind) > 1}))
    used = set[str]()
    for module in modules().values():
        for call, kinds in notice_calls(module):
            used |= kinds
            yield from (f"{module.place(call)}: {problem}" for problem in _call_faults(call, kinds))
    yield from (f"{kind} is never used" for kind in sorted(set(entries) - used))


def notice_calls(module: Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Yield each call in `module` that makes an error or a notice, with the kinds that the error or notice may have.

    Calls in `udpnote.errors` are left out, because they pass on kinds from their arguments.
    """
    for call, function in _calls(module.tree, None):
        maker = ast.unparse(call.func)  # `type(error)` makes an error of the same class
        if module.name != "udpnote.errors" and (maker.startswith("type(") or maker in _error_names() | {"Notice"}):
            yield call, _kinds(call, function, module)


def _call_faults(call: ast.Call, kinds: set[str]) -> Iterator[str]:
    """Yield what is wrong with `call`, which makes an error or a notice of one of these `kinds`."""
    values = {keyword.arg for keyword in call.keywords} - _own_parameters(ast.unparse(call.func))
    if not kinds or not all(map(KIND.fullmatch, kinds)):
        yield "the kind is no literal"
    if None in values:
        yield "the values are no keywords"
    for kind in kinds:
        if kind in SENTENCES:
            yield from _value_faults(kind, SENTENCES[kind], {name for name in values if name is not None})
        else:
            yield f"{kind} has no sentence"


def _value_faults(kind: str, sentence: Sentence, values: set[str]) -> Iterator[str]:
    """Yield why the sentence of `kind` cannot be made from values with the names `values`."""
    missing = needs(sentence) - values
    if missing:
        yield f"the sentence of {kind} needs {', '.join(sorted(missing))}"
    if not isinstance(sentence, (str, Counted)):
        parameters = inspect.signature(sentence).parameters
        if values - set(parameters):
            yield f"the sentence of {kind} does not take {', '.join(sorted(values - set(parameters)))}"


def needs(sentence: Sentence) -> set[str]:
    """Return the names of the values without which the sentence cannot be made."""
    if isinstance(sentence, (str, Counted)):
        templates, number = ([sentence], set()) if isinstance(sentence, str) else (sentence[1:], {sentence.number})
        fields = [name for each in templates for _, name, _, _ in Formatter().parse(each) if name is not None]
        return {name.removesuffix("_quoted").removesuffix("_shown") for name in fields} | number
    return {each.name for each in inspect.signature(sentence).parameters.values() if each.default is each.empty}


def sentences(kind: str) -> st.SearchStrategy[str]:
    """Make a strategy for the sentence of `kind`, with various values for its placeholders or its function's parameters."""
    sentence = SENTENCES[kind]
    if isinstance(sentence, Counted):
        return st.sampled_from([1, 3]).map(lambda number: sentence(**dict.fromkeys(needs(sentence), number)))
    if not isinstance(sentence, str):
        filled = {
            "paths": st.sampled_from([("a.db",), ("a.db", "b.db")]),
            "ports": st.sampled_from([(1,), (1, 4)]),
            "files": st.sampled_from([("outbox",), ("outbox", "notebook")]),
            "places": st.sampled_from([("--server",), ("--server", "UDPNOTE_PORT")]),
            "choices": st.sampled_from([("a", "b")]),
            "what": st.sampled_from([each.value for each in LeftOut]),
            "commands": st.sampled_from([("udpnote show",), ("udpnote list", "udpnote show")]),
        }  # never empty
        return st.builds(sentence, **{name: filled[name] for name in inspect.signature(sentence).parameters if name in filled})
    fields = [(name, spec) for _, name, spec, _ in Formatter().parse(sentence) if name is not None]
    return st.just(sentence.format(**{name: 3 if spec else "某物" for name, spec in fields}))


for _type, _values in ((int, [1, 3]), (str, ["家里", "it's"]), (object, [3, "家里"])):
    st.register_type_strategy(_type, st.sampled_from(_values))
