"""The OpenAPI 3.1 description, made from the table of routes. `python -m ivr.adapters.web.openapi` prints it."""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ivr.adapters.web.access import COOKIE
from ivr.adapters.web.routes import ROUTES, Route
from ivr.adapters.web.schemas import Live, LiveRequest, Problem

_REF = "#/components/schemas/{model}"


@cache
def openapi() -> dict[str, Any]:
    """The whole document as plain JSON values."""
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (Problem, "serialization"): None,
        (Live, "serialization"): None,
        (LiveRequest, "validation"): None,
    }
    for route in ROUTES:
        if route.answer:
            models[route.answer, "serialization"] = None
        if route.given and route.method != "GET":
            models[route.given, "validation"] = None
    _, definitions = models_json_schema(list(models), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "12345 hotline",
            "version": version("ivr"),
            "description": "Times are seconds since the epoch (UTC); durations are seconds."
            " Programs sign in with a bearer token made by `ivr token`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE.format(port=8080),
                    "description": "The name ends with the port that the server listens on.",
                },
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    operation: dict[str, Any] = {
        "operationId": route.run.__name__,
        "summary": route.summary,
        "responses": {
            str(route.status): _success(route),
            "default": {"description": "What went wrong", "content": _json(Problem)},
        },
        "security": [{"session": []}, {"token": []}] if route.roles else [],
    }
    if route.local:
        operation["security"].append({})
    if route.roles:
        operation["x-roles"] = sorted(route.roles)
    if route.given and route.method == "GET":
        parameters += _query(route.given)
    elif route.given:
        operation["requestBody"] = {"required": True, "content": _json(route.given)}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _success(route: Route) -> dict[str, Any]:
    if route.answer:
        return {"description": route.summary, "content": _json(route.answer)}
    if route.status in (101, 204):
        return {"description": route.summary}
    return {"description": route.summary, "content": {route.media: {}}}


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}


if __name__ == "__main__":
    json.dump(openapi(), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
