"""Files in, clips out: uploads and downloads that go on where they broke off.

Pure: `resume` (what to do with a media host's answer), `references` (links and redirects), `names` (of files). `http`
is the adapter to aiohttp; `clip` is a record's clip and its links; `fetch` reads it over as many requests as it takes;
`files` writes beside, renames, and knows what was written. `downloads` puts these together; `targets` and `store` are
where a batch's clips go.

For uploads: `media` finds a file's type by its content, `sources` reads what is uploaded piece by piece, `uploads`
sends it, `inputs` uploads the local files that stand in inputs. `transfers` is what a client holds. `cleanup` tidies up
for a caller that was cancelled.
"""

from .targets import Target, check_output
from .transfers import Transfers
from .uploads import Uploadable, UploadedFile

__all__ = ["Target", "Transfers", "Uploadable", "UploadedFile", "check_output"]
