"""Sign the largest file as the worker does, from its encrypted form, and print the peak above idle in MiB."""

import sys
from pathlib import Path

from benchmarks.scene import FIELDS, Scene, entry
from envelopes.records.blobs import decrypt, encrypt
from envelopes.signing.seal import Entry, Seal

_KEY = bytes(32)


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0])


def main() -> None:
    scene = Scene(Path(sys.argv[1]))
    path = scene.folder / "xl.blob"
    if sys.argv[2:] == ["make"]:
        path.write_bytes(encrypt(_KEY, scene.prepared("xl").data, b""))
        return
    using = scene.seal
    plan, says = _warm(scene, using)
    idle = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    sealed = path.read_bytes()
    data = decrypt(_KEY, sealed, b"")
    del sealed
    using.sign(data, field=FIELDS[0], entry=says, plan=plan)
    print((_status("VmHWM") - idle) / 1024)


def _warm(scene: Scene, using: Seal) -> tuple[str | None, Entry]:
    """Sign a small file, so that everything is loaded; return what the large one needs."""
    small = scene.prepared("small")
    using.sign(small.data, field=FIELDS[0], entry=entry(small.data), plan=small.plan)
    says = _entry_of(scene)
    return (scene.folder / "xl.plan").read_text(), says


def _entry_of(scene: Scene) -> Entry:
    return entry((scene.folder / "xl-prepared.pdf").read_bytes())


if __name__ == "__main__":
    main()
