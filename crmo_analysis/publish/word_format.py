"""Word files: the styles that pandoc fills, and archives without times."""

import io
import zipfile


def reference(default: bytes, is_wide: bool) -> bytes:
    """Make the document whose styles Word files take: double spacing, numbers of lines and pages, tables.

    Parameters
    ----------
    default : bytes
        Pandoc's own.
    is_wide : bool
        Whether pages are wider than high, with single spacing and without numbers of lines.
    """
    import docx
    from docx.enum.section import WD_ORIENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
    from docx.shared import Mm, Pt, RGBColor

    document = docx.Document(io.BytesIO(default))
    styles = document.styles
    if "Table Note" not in [style.name for style in styles]:
        styles.add_style("Table Note", 1).base_style = styles["Normal"]
    sizes = {
        "Title": 16,
        "Heading 1": 14,
        "Heading 2": 12,
        "Heading 3": 12,
        "Table Note": 8.5,
        "Compact": 8.5,
    }
    for style in styles:
        if style.type == 1:
            style.font.name, style.font.color.rgb = "Times New Roman", RGBColor(0, 0, 0)
            style.font.size = Pt(sizes.get(style.name, 12))
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for kind in [name for name in fonts.attrib if "Theme" in name]:
                del fonts.attrib[kind]
    for name in () if is_wide else ("Body Text", "First Paragraph", "Abstract", "Bibliography"):
        styles[name].paragraph_format.line_spacing_rule = WD_LINE_SPACING.DOUBLE
    for name in ("Heading 1", "Heading 2", "Title"):
        styles[name].font.bold = True
    for name in ("Compact", "Table Note"):
        styles[name].paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
        styles[name].paragraph_format.space_before = styles[name].paragraph_format.space_after = Pt(1)
    for name in ("Table Caption", "Image Caption"):
        styles[name].font.italic = False
        styles[name].font.size = Pt(11)
    styles["Table Caption"].paragraph_format.keep_with_next = True
    section = document.sections[0]
    section.page_width, section.page_height = (Mm(297), Mm(210)) if is_wide else (Mm(210), Mm(297))
    section.orientation = WD_ORIENT.LANDSCAPE if is_wide else WD_ORIENT.PORTRAIT
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(25)
    if not is_wide:
        section._sectPr.append(_element("lnNumType", countBy="1", restart="continuous"))
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    field = _element("fldSimple", instr=" PAGE ")
    field.append(_element("r"))
    footer._p.append(field)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _element(name: str, **attributes: str):
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{name}")
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), value)
    return element


def without_times(content: bytes) -> bytes:
    """Return a zip archive with the times of its entries set to the first that there is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = (
                *(zipfile.ZIP_DEFLATED, 3),
                0o600 << 16,
            )
            new.writestr(entry, old.read(name))
    return buffer.getvalue()
