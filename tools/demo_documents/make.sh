#!/usr/bin/env bash
# Make the two demo documents that have no plain source: a PDF and a Word file, the same bytes on
# every run. Needs pandoc and the Python package typst (whose bundled fonts are free and embedded):
#   PYTHON=python-with-typst tools/demo_documents/make.sh
set -euo pipefail
cd "$(dirname "$0")"
documents=../../src/wellread/demo/documents

"${PYTHON:-python3}" -c "import sys, typst; typst.compile(sys.argv[1], output=sys.argv[2])" \
    larder-10-user-manual.typ "$documents/manuals/larder-10-user-manual.pdf"

# Dates in the file come from here.
SOURCE_DATE_EPOCH=1767225600 pandoc warranty-policy.md \
    --output "$documents/policies/warranty-policy.docx"
