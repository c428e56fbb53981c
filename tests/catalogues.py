"""The catalogues of translations in `udpnote/locale/`, made from the messages in the source.

`python -m tests.catalogues` brings the PO files up to date, compiles them, and prints which messages have no translation.
Translators write simplified Chinese. OpenCC and the table `TAIWANESE` make traditional Chinese of it, which must be read over.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.support.marked_messages import MarkedMessage, marked_messages
from udpnote.model.language import ENGLISH, LANGUAGES, SIMPLIFIED, TRADITIONAL

FOLDER = Path(__file__).parent.parent / "udpnote" / "locale"
TRANSLATIONS = tuple(language for language in LANGUAGES if language != ENGLISH)
OPENCC_TABLE = "s2twp"
"""OpenCC's conversion of simplified characters to those of Taiwan, with the words that are used there."""

TAIWANESE = {
    "“": "「", "”": "」", "臺": "台", "最多隻": "最多只", "不是隻": "不是只", "箇舊": "個舊", "后里": "後裡", "本里": "本裡",
    "個數據報": "個資料包", "設定檔案": "設定檔", "文本檔案": "文字檔", "文本": "文字", "許可權": "權限", "套接字": "通訊端",
    "發件箱": "寄件匣", "客戶端": "用戶端", "通過": "透過", "當前": "目前", "區域網": "區域網路", "埠": "連接埠",
    "地址": "位址", "短語": "詞組", "管道": "管線", "終端": "終端機", "退出碼": "結束代碼", "生成": "產生",
    "金鑰檔案": "金鑰檔", "臨時": "暫時", "網路接口": "網路介面", "只讀": "唯讀", "協議": "協定", "域名": "網域名稱",
    "隻讀": "唯讀", "唯讀取": "只讀取", "訪問": "存取", "} 周": "} 週",
    "箇中": "個中", "發送": "傳送", "恢復": "還原", "撤銷": "復原", "日誌": "記錄檔",
    "證書頒發機構": "憑證授權單位", "證書": "憑證", "描述檔案": "描述檔", "命令提示符": "命令提示字元",
    "主機名": "主機名稱", "名稱稱": "名稱", "控制台": "主控台", "幫助": "說明", "列表": "清單", "匹配": "符合",
    "網橋": "橋接器", "補全": "自動完成", "丟失": "遺失", "應答": "回應", "電子表格": "試算表", "反斜槓": "反斜線",
    "校驗字元": "檢查碼", "隧道": "通道", "鏈路本地": "連結本機", "回環": "迴路", "迴環": "迴路", "標識": "識別碼",
    "正文": "內文", "主目錄": "家目錄", "複制": "複製", "網線": "網路線", "退出程序": "結束程式",
}  # fmt: skip
"""Words and signs that OpenCC makes of our texts, and those that people in Taiwan write instead, as a reader found them."""

KEPT_HEADERS = ("Language", "Plural-Forms", "Content-Type")
"""Fields in the header of a catalogue that say how to read it."""

UNKEPT_HEADERS = (
    b"POT-Creation",
    b"PO-Revision",
    b"Generated-By",
    b"Project-Id",
    b"Report-Msgid",
    b"Last-Trans",
    b"Language-Team",
)
"""Fields in the header of a PO file that would change without a change of a translation, or that Babel invents."""


def po_path(language: str) -> Path:
    """The text file with the translations into `language`."""
    return FOLDER / language / "LC_MESSAGES" / "udpnote.po"


def read(language: str) -> Catalog:
    """The translations into `language`, as they stand; none if there are none yet."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, domain="udpnote", header_comment=f"# udpnote: {language}", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="udpnote")


def updated(old: Catalog, messages: list[MarkedMessage]) -> Catalog:
    """A catalogue with each of `messages`, in their order, and the translations of `old`; others are dropped."""
    new = Catalog(locale=old.locale, domain="udpnote", header_comment=old.header_comment, fuzzy=False)
    new.mime_headers = [(name, value) for name, value in old.mime_headers if name in KEPT_HEADERS]
    for message in messages:
        key = (message.text, message.plural) if message.plural else message.text
        known = old.get(message.text)
        string = known.string if known is not None and known.pluralizable == bool(message.plural) else None
        empty: str | tuple[str, ...] = ("",) if message.plural else ""
        new.add(key, string or empty, locations=[(place, 0) for place in message.places])
    return new


def po_bytes(catalogue: Catalog) -> bytes:
    """The PO file of `catalogue`."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, ignore_obsolete=True, include_lineno=False, sort_output=False)
    return b"\n".join(line for line in buffer.getvalue().split(b"\n") if not _changes_each_time(line))


def _changes_each_time(line: bytes) -> bool:
    """Whether this line of a PO file's header has one of `UNKEPT_HEADERS`."""
    return line.startswith(tuple(b'"' + name for name in UNKEPT_HEADERS))


class _Compiled(Catalog):
    """A catalogue whose header has only the fields in `KEPT_HEADERS`, so that its file changes only if a translation does."""

    def __iter__(self) -> Iterator[Message]:
        header, *messages = super().__iter__()
        lines = str(header.string).splitlines()
        header.string = "".join(f"{line}\n" for line in lines if line.partition(":")[0] in KEPT_HEADERS)
        return iter([header, *messages])


def mo_bytes(catalogue: Catalog) -> bytes:
    """The MO file of `catalogue`, which Python reads."""
    compiled = _Compiled(locale=catalogue.locale, fuzzy=False)
    for message in catalogue:
        if message.id:
            compiled.add(message.id, message.string)
    buffer = io.BytesIO()
    write_mo(buffer, compiled)
    return buffer.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages of `catalogue` without a translation."""
    return [_text(message.id) for message in catalogue if message.id and not all(_strings(message.string))]


def _text(identifier: object) -> str:
    return str(identifier[0]) if isinstance(identifier, (tuple, list)) else str(identifier)


def _strings(string: object) -> Iterator[str]:
    if isinstance(string, (tuple, list)):
        yield from map(str, string)
    else:
        yield str(string or "")


def as_in_taiwan(text: str) -> str:
    """`text` with the words and signs of `TAIWANESE`."""
    for made, written in TAIWANESE.items():
        text = text.replace(made, written)
    return text


def converted(simplified: Catalog, traditional: Catalog) -> Catalog:
    """`traditional`, with each translation converted from that of `simplified`."""
    from opencc import OpenCC  # here, because most tests only read the catalogues

    opencc = OpenCC(OPENCC_TABLE)

    def convert(text: str) -> str:
        """`text` as people in Taiwan write it. In a command in backquotes, only the words in quotation marks are converted."""
        parts = re.split("(`[^`]*`)", text)
        parts[::2] = (as_in_taiwan(opencc.convert(part)) for part in parts[::2])
        parts[1::2] = (re.sub('"[^"]*"', lambda quoted: as_in_taiwan(opencc.convert(quoted[0])), part) for part in parts[1::2])
        return "".join(parts)

    for message in traditional:
        source = simplified.get(_text(message.id)) if message.id else None
        if source is not None:
            forms = [convert(each) for each in _strings(source.string)]
            message.string = tuple(forms) if message.pluralizable else forms[0]
    return traditional


def main() -> int:
    """Write all catalogues; return 1 if a message has no translation."""
    messages = marked_messages()
    catalogues = {language: updated(read(language), messages) for language in TRANSLATIONS}
    converted(catalogues[SIMPLIFIED], catalogues[TRADITIONAL])
    print(f"{len(messages)} messages; read over what has changed in traditional characters")
    missing = 0
    for language, catalogue in catalogues.items():
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_bytes(catalogue))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
        for text in untranslated(catalogue):
            missing += 1
            print(f"{language}: not translated: {text!r}")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
