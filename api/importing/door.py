"""Routes of imports: which kinds there are, their templates, try a file, import a file.

The Idempotency-Key is asked for as with every write, but the file itself is what makes a repeat
harmless: rows that are so already are counted as known.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, File, Query, Response, UploadFile

from api.deps import Once, as_json
from api.doors import allow, writes
from api.importing.export import error_report, template
from api.importing.kinds import KINDS
from api.importing.run import Job, Report, kind_of, run_import
from api.importing.sheet import MAX_BYTES, read_sheet
from api.wire import schema
from core.errors import TOO_LARGE, AppError
from core.people import Actor

router = APIRouter(prefix="/api/imports", tags=["imports"])

Importer = Annotated[Actor, allow("import.run")]
CSV = "text/csv; charset=utf-8"


@router.get("")
async def kinds(_actor: Importer) -> Response:
    """What can be imported, and the columns of each kind."""
    return as_json(
        [
            {
                "kind": kind.code,
                "label": kind.label,
                "columns": [
                    {"name": each.names[0], "names": each.names, "required": each.required}
                    for each in kind.columns
                ],
            }
            for kind in KINDS.values()
        ]
    )


@router.get("/{kind}/template")
async def get_template(
    kind: str, _actor: Importer, language: Literal["zh", "en"] = "zh"
) -> Response:
    """An empty file with the right header (CSV that Excel opens)."""
    name = {"content-disposition": f'attachment; filename="{kind_of(kind).code}.csv"'}
    return Response(template(kind_of(kind), language), media_type=CSV, headers=name)


@router.post("/{kind}", response_model=schema(Report))
async def put_file(
    *,
    kind: str,
    file: Annotated[UploadFile, File(description="XLSX or CSV, ≤ 10 MB, ≤ 20,000 rows")],
    by: Annotated[Once, writes("import.run")],
    dry_run: Annotated[bool, Query(description="Check everything, write nothing")] = True,
    partial: Annotated[bool, Query(description="Import the good rows, report the others")] = False,
    answer: Annotated[Literal["json", "csv"], Query(description="csv: problems only")] = "json",
) -> Response:
    """Check a file (`dry_run`, the default) or import it; answers the report, row by row."""
    content = await file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise AppError(TOO_LARGE, size="文件", limit=f"{MAX_BYTES:,} 字节")
    sheet = await asyncio.to_thread(read_sheet, (file.filename or "文件")[-200:], content)
    job = Job(by.jieli.db, by.actor, kind_of(kind), dry_run, partial)
    report = await run_import(job, sheet)
    if answer == "csv":
        name = {"content-disposition": f'attachment; filename="{kind}-errors.csv"'}
        return Response(error_report(report), media_type=CSV, headers=name)
    return as_json(asdict(report))
