"""Why a file as a whole is not read."""

from guantong.kit.errors import GuantongError


class FileRefused(GuantongError):
    """A file of entries that is not read at all."""

    code = "catalogue_file_refused"
    status = 422
    zh = "文件未被读取。"
    en = "The file was not read."


class FileNotRead(FileRefused):
    """Neither a workbook nor a text."""

    code = "catalogue_file_unreadable"
    zh = "无法读取此文件：它不是 xlsx 工作簿，也不是 CSV 文本，或者已损坏。"
    en = "This file cannot be read: it is neither an xlsx workbook nor a CSV text, or it is damaged."


class OldWorkbook(FileRefused):
    """An .xls workbook, or one with a password."""

    code = "catalogue_file_old"
    zh = "这是旧版 .xls 或加了密码的工作簿，请另存为不加密的 .xlsx 后再导入。"
    en = "This is an old .xls workbook, or one with a password; save it as an open .xlsx and import that."


class TextUnreadable(FileRefused):
    """A text in an encoding we do not know."""

    code = "catalogue_file_encoding"
    zh = "第 {byte} 个字节无法识别：文本应为 UTF-8、GB 18030 编码，或带标记的 UTF-16（Excel 的“Unicode 文本”）。"
    en = "Byte {byte} cannot be read: texts are UTF-8, GB 18030, or UTF-16 with its mark."


class FileTooLarge(FileRefused):
    """More than is read at once."""

    code = "catalogue_file_too_large"
    status = 413
    zh = "文件过大，上限为 {limit}。请分成几个文件导入。"
    en = "The file is too large; the limit is {limit}. Import it in parts."


class SheetHidden(FileRefused):
    """A hidden sheet holds something."""

    code = "catalogue_sheet_hidden"
    zh = "隐藏的工作表「{sheet}」含有内容。请取消隐藏或删除后再导入，以免带入看不见的数据。"
    en = "The hidden sheet “{sheet}” holds something. Show or delete it, so that nothing comes in unseen."


class HeadingsMissing(FileRefused):
    """No sheet has the guide's columns."""

    code = "catalogue_headings_missing"
    zh = "没有找到编制指南的表头（至少应有“信息资源名称”和“提供方代码”或“信息项名称”）。请使用模板。"
    en = "No sheet has the guide's headings (the names of resources and of items at least). Use the template."


class SheetsMany(FileRefused):
    """Several sheets have the guide's columns."""

    code = "catalogue_sheets_many"
    zh = "有多个工作表含有目录：{sheets}。请合并到一个工作表，或分别导入。"
    en = "Several sheets hold entries: {sheets}. Put them into one sheet, or import them one by one."


class FileEmpty(FileRefused):
    """Headings and nothing below."""

    code = "catalogue_file_empty"
    zh = "表头之下没有目录。"
    en = "There are no entries below the headings."


class MacrosInside(FileRefused):
    """A workbook with a program in it."""

    code = "catalogue_file_macros"
    zh = "工作簿含有宏（程序）。请另存为不含宏的 .xlsx 后再导入。"
    en = "The workbook has macros (a program) in it; save it as .xlsx without them and import that."
