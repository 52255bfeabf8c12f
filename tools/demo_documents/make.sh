#!/usr/bin/env bash
# Make the two demo documents that have no plain source: a PDF and a Word file.
# Needs pandoc, weasyprint and the DejaVu fonts (Debian: pandoc weasyprint fonts-dejavu-core).
set -euo pipefail
cd "$(dirname "$0")"
documents=../../src/wellread/demo/documents
export SOURCE_DATE_EPOCH=1767225600 # 1 January 2026: the same bytes on every run

page=$(mktemp --suffix=.html)
trap 'rm -f "$page"' EXIT
pandoc larder-10-user-manual.md --standalone --metadata pagetitle="Larder 10 User Manual" \
    --variable title="" --to html5 --output "$page"
# Pandoc's own screen styles would fight with the page layout.
sed -i '/<style>/,/<\/style>/d' "$page"
weasyprint --stylesheet manual.css "$page" "$documents/manuals/larder-10-user-manual.pdf"

pandoc warranty-policy.md --output "$documents/policies/warranty-policy.docx"
