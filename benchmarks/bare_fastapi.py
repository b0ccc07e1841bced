"""The peer of the prediction service: the least that FastAPI needs to answer with the same model. It checks nothing.

`uvicorn benchmarks.bare_fastapi:app`
"""

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.api.served import warm_up
from smart_sentry.champion import load_champion
from smart_sentry.config import load_settings

SETTINGS = load_settings()
BUNDLE = load_champion(SETTINGS.home, SETTINGS.served)
NAMES = BUNDLE.manifest.asset_type.signal_names
warm_up(BUNDLE)
app = FastAPI()


@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"model_version": BUNDLE.version}


@app.post("/predict")
async def predict(request: Request) -> JSONResponse:
    body = await request.json()
    top = body.get("top_contributions", 5)
    histories = []
    for asset in body["assets"]:
        values = np.array([asset["signals"][name] for name in NAMES], dtype=np.float64).T
        histories.append(AssetHistory(asset["asset_id"], asset["cycles"][-1], values, top))
    answers = answer_histories(BUNDLE, histories)
    return JSONResponse({"model_version": BUNDLE.version, "assessments": [answer.model_dump() for answer in answers]})
