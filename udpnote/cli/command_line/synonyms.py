"""Finds the command or option that a wrong name may mean: by the names that other programs have for it, or by similarity."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from udpnote.text.search_terms import one_form

COMMAND_SIMILARITY_MIN, OPTION_SIMILARITY_MIN, SYNONYM_SIMILARITY_MIN = 0.6, 0.7, 0.8
"""How similar a mistyped name must be to a known one, so that the known one is guessed: for commands and other words, for
options, and for the many names that other programs have for options. 1 means equal.
"""

COMMANDS_OF_OTHER_PROGRAMS = {
    "send": "add new append create note post log echo put record save + 发送 发 记 添加 新建",
    "write": "prompt shell repl diary jot 写",
    "list": "ls ll dir recent last latest head all notes entries history view 列表 列出",
    "search": "grep query lookup filter where 搜索 搜 搜尋",
    "show": "cat get read display print less more open less 显示 查看 檢視",
    "edit": "undelete change modify revise update amend replace set fix vi vim nano 修改 编辑",
    "delete": "rm remove del unlink trash drop 删除",
    "erase": "wipe shred purge redact 抹除 抹去",
    "follow": "watch live stream listen monitor subscribe 跟随",
    "undo": "revert unsend takeback 撤销 撤消 復原",
    "find": "discover scan browse notebooks servers hosts devices lookup-server 查找 发现 尋找",
    "use": "switch select choose checkout connect cd 选择 使用",
    "status": "info whoami which st 状态",
    "doctor": "check diagnose debug ping troubleshoot 诊断",
    "outbox": "queue pending waiting sync flush push resend 发件箱 寄件匣",
    "serve": "server start host run daemon 服务",
    "service": "systemd enable install",
    "export": "dump save-as download 导出 匯出",
    "import": "load upload ingest 导入 匯入",
    "backup": "copy snapshot 备份",
    "restore": "recover 恢复 還原",
    "tags": "tag labels 标签",
    "stats": "statistics count summary calendar 统计",
    "seal": "encrypt lock 加密",
    "unseal": "decrypt unlock 解密",
    "key": "keys secret invite 密钥",
    "join": "accept pair 加入",
    "leave": "forget quit-notebook 离开",
    "bench": "benchmark speed perf 测速",
    "demo": "tour try tutorial example 演示",
    "help": "man usage commands ? 帮助",
}
"""For each command, the names that other programs have for it, and Chinese names, in simplified or traditional characters."""

OPTIONS_OF_OTHER_PROGRAMS = {
    "-n": "--limit --lines --number --count --last --max --max-count --head --tail --num -l -c -m",
    "--since": "--from --after --start --begin",
    "--until": "--to --before --end",
    "--on": "--date --day --when",
    "--author": "--by --user --who -u -a",
    "--tag": "--label --tags -t",
    "--all": "-a --everything",
    "--reverse": "-r --desc --newest --newest-first --sort",
    "--server": "--host --address --ip --connect -s -H",
    "--port": "-p",
    "--wait": "--timeout --delay -w",
    "--timeout": "--wait --delay --seconds",
    "--json": "-j --as-json --jsonl",
    "--file": "--path --db --database --notebook-file -f",
    "--notebook": "--notebook-id --notebook-name -N",
    "--name": "--notebook --notebook-name --title",
    "-o": "--output --out --to-file -f",
    "--format": "--type --as -f",
    "--history": "--versions --revisions --log",
    "--whole": "--stdin --multiline --single",
    "--open": "--no-seal --public",
    "--sealed": "--encrypt --private",
    "--bind": "--listen --host --address --interface",
    "--send": "--flush --resend --retry",
    "--discard": "--delete --remove --drop",
    "--yes": "-y -f --force",
    "--version": "-v -version",
}
"""For each option, the names that other programs have for it. A name is used only for commands that have the option."""

NEEDLESS_OPTIONS = {
    "list": "-l -la -al -lh -lt", "follow": "-f --follow", "tail": "-f --follow", "delete": "-r -rf", "show": "--all",
    "search": "-i",
}  # fmt: skip
"""For each command, options of other programs that ask for what the command does even without an option."""


def command_called(word: str) -> str | None:
    """Return the command that other programs call `word`; None if there is none.

    The case of letters does not matter, nor whether Chinese characters are simplified or traditional.
    """
    name = one_form(word.lower())
    return next((each for each, others in COMMANDS_OF_OTHER_PROGRAMS.items() if name in one_form(others).split()), None)


def option_called(name: str, known: Iterable[str]) -> str | None:
    """Return the first option among `known` that other programs call `name`; None if there is none."""
    return next((each for each in known if name in synonyms_of(each)), None)


def synonyms_of(option: str) -> list[str]:
    """The names that other programs have for `option`."""
    return OPTIONS_OF_OTHER_PROGRAMS.get(option, "").split()


def nearest_option(name: str, known: Sequence[str]) -> str | None:
    """Return the option among `known` that is most similar to `name` (see `nearest`).

    If no option is similar enough, compare `name` with the names that other programs have for the options, and return the
    option with the most similar one. Return None if no such name is similar enough either.
    """
    if (own := nearest(name, known, OPTION_SIMILARITY_MIN)) is not None:
        return own
    other = nearest(name, [other for each in known for other in synonyms_of(each)], SYNONYM_SIMILARITY_MIN)
    return option_called(other, known) if other is not None else None


def nearest(name: str, known: Sequence[str], similarity_min: float = COMMAND_SIMILARITY_MIN) -> str | None:
    """Return the word of `known` that `name` most likely means; None if there is none.

    If exactly one word begins with `name`, it is this word. If not, it is the most similar word, if its similarity is at least
    `similarity_min` (0 to 1). Words of one or two characters, such as `-n`, are not compared. The result is None if `name` has
    less than two characters without its hyphens.
    """
    longer = [each for each in known if len(name.strip("-")) > 1 and each.startswith(name)]
    if len(longer) == 1:
        return longer[0]
    if len(name.strip("-")) < 2:  # one letter is similar to every other
        return None
    long = [each for each in known if len(each) > 2]  # without short options such as -n
    return next(iter(get_close_matches(name, long, 1, similarity_min)), None)
