"""Uploading a folder to Hugging Face's hub, with the login that its own client keeps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from qsweep.errors import Failure, Problem, UsageError, one_line
from qsweep.system import extras

REPOSITORY = r"[\w.-]+/[\w.-]+"


def check_hub(repo: str | None) -> None:
    """Raise UsageError if the hub's client is not installed, or the repository's name has another form."""
    missing = extras.problems("hub", "--to", "hub")
    problems = [replace(each, remedy=f"{each.remedy}; or --to folder, and upload that") for each in missing]
    if repo is not None and not re.fullmatch(REPOSITORY, repo):
        problems.append(Problem("--repo", "must be USER/NAME", repo))
    if problems:
        raise UsageError(problems)


def upload(folder: Path, repo: str | None, default: str) -> str:
    """Upload a folder as a model repository, created as a public one if needed; return its address.

    repo: USER/NAME; None: the name `default` of the user who is logged in. Raises Failure if the hub cannot
    be reached or refuses; the folder stays.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        named = repo or f"{api.whoami()['name']}/{default}"
        address = api.create_repo(repo_id=named, exist_ok=True)
        api.upload_folder(repo_id=named, folder_path=str(folder), commit_message="Upload from qsweep")
    except Exception as error:  # many kinds, of the client, its login and the network
        later = f"hf upload {repo or f'USER/{default}'} {folder}"
        reason = one_line(error, kind=True)
        raise Failure(f"the upload failed: {reason}; the folder is complete, for later: {later}") from error
    return str(address)
