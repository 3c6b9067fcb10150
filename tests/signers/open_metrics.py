"""Reads documents in the OpenMetrics text format, each a line of JSON with the path of a file, and
says what prometheus_client makes of it: the families with their types and units, and the exemplars;
or why it refuses it."""

import json
import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families


def read(path):
    families, exemplars = {}, []
    with open(path, encoding="utf-8") as document:
        for family in text_fd_to_metric_families(document):
            families[family.name] = {"type": family.type, "unit": family.unit}
            for sample in family.samples:
                if sample.exemplar:
                    exemplars.append([sample.name, sample.exemplar.labels])
    return {"families": families, "exemplars": exemplars}


for line in sys.stdin:
    try:
        answer = read(json.loads(line))
    except Exception as error:  # whatever it refuses the document with
        answer = {"refused": repr(error)}
    print(json.dumps(answer), flush=True)
