"""Files and folders on the local disk, a mounted volume, gs:// and s3://."""

from interestflow.storage.places import (
    StorageError,
    check_scheme,
    child_names,
    download_file,
    download_folder,
    exists,
    file_names,
    is_remote,
    join,
    local_copy,
    read_bytes,
    remove_file,
    remove_folder,
    upload_file,
    upload_folder,
    write_bytes,
)

__all__ = [
    "StorageError",
    "check_scheme",
    "child_names",
    "download_file",
    "download_folder",
    "exists",
    "file_names",
    "is_remote",
    "join",
    "local_copy",
    "read_bytes",
    "remove_file",
    "remove_folder",
    "upload_file",
    "upload_folder",
    "write_bytes",
]
