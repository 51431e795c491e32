"""Files in, clips out: uploads and downloads that go on where they broke off.

Pure: `resume` (what to do with a media host's answer), `names` (of files). `http` is the adapter to aiohttp; `link`
gets fresh links; `fetch` reads a clip over as many requests as it takes; `files` writes beside and renames. `downloads`
puts these together.

For uploads: `media` tells what a file is by its content, `sources` reads what is uploaded piece by piece, `uploads`
sends it, `inputs` uploads the local files that stand in inputs. `transfers` is what a client holds.
"""

from .transfers import Collect, Transfers
from .uploads import Uploadable, UploadedFile

__all__ = ["Collect", "Transfers", "Uploadable", "UploadedFile"]
