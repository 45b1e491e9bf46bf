"""Call the demo through its HTTP API: `call.py URL MODEL... JSON`, a list of argument lists; prints the answers."""

import json
import sys

from gradio_client import Client
from gradio_client.exceptions import AppError

client = Client(sys.argv[1], verbose=False)
answers = []
for arguments in json.loads(sys.argv[-1]):
    try:
        answers.append(client.predict(*arguments, api_name="/explain"))
    except AppError as error:
        answers.append(str(error))
print(json.dumps(answers))
