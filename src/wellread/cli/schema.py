"""``wellread schema``: the configuration file described for editors."""

from __future__ import annotations

from wellread.cli.output import print_json


def schema() -> None:
    """Print the JSON schema of wellread.yaml, for completion in editors.

    Example: wellread schema > wellread.schema.json
    """
    from wellread.pipelines.project import Project

    print_json(Project.model_json_schema())
