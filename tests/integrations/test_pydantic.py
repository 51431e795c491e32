"""Inputs and records as models of FastAPI and pydantic."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from wan_async import (
    ConfigurationError,
    CustomInput,
    TaskRecord,
    TaskState,
    Wan22AnimateMove,
    Wan22AnimateReplace,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanClient,
    WanInput,
)
from wan_async.integrations.fastapi import WanClientDependency
from wan_async.models import MODELS, input_from
from wan_async.models.catalogue import fields_of

from ..contract import INPUTS

IMAGE = "https://example.com/a.png"


def refused(kind: Any, value: object) -> tuple[tuple[int | str, ...], str, str]:
    """(where, type, message) of the one error."""
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    (error,) = raised.value.errors()
    return error["loc"], error["type"], error["msg"]


def test_a_good_body_is_the_input() -> None:
    made = TypeAdapter(Wan26ImageToVideo).validate_python({"prompt": "ab", "image_urls": [IMAGE], "duration": 10})
    assert made == Wan26ImageToVideo(prompt="ab", image_urls=[IMAGE], duration="10")
    assert TypeAdapter(Wan26ImageToVideo).validate_json(b'{"prompt": "ab", "image_urls": ["%s"]}' % IMAGE.encode())
    assert TypeAdapter(Wan26ImageToVideo).validate_python(made) is made


@pytest.mark.parametrize(
    ("fields", "where", "kind", "words"),
    [
        ({"prompt": "ab", "image_urls": ["/etc/passwd"]}, ("image_urls", 0), "value_error", "http or https URL"),
        ({"prompt": "a", "image_urls": [IMAGE]}, ("prompt",), "value_error", "allowed"),
        ({"image_urls": [IMAGE]}, ("prompt",), "missing", "required"),
        ({"prompt": "ab", "image_urls": [IMAGE], "resolution": "{0}"}, ("resolution",), "value_error", "'{0}'"),
        ({"prompt": "ab", "image_urls": [IMAGE], "resolution": None}, ("resolution",), "value_error", "allowed"),
        ({"prompt": "ab", "image_urls": [IMAGE], "shots": 2}, ("shots",), "value_error", "the fields of"),
        ({"prompt": "ab", "image_urls": [IMAGE], "extra": {"x": 1}}, ("extra",), "value_error", "the fields of"),
        ({"prompt": "ab", "image_urls": [IMAGE], "model": "other"}, ("model",), "value_error", "2-6-image"),
    ],
)
def test_a_bad_field_is_named(fields: Any, where: tuple[int | str, ...], kind: str, words: str) -> None:
    error = refused(Wan26ImageToVideo, fields)
    assert error[:2] == (where, kind)
    assert words in error[2]


def test_what_is_no_object_is_told() -> None:
    assert refused(Wan26ImageToVideo, [1])[1] == "dict_type"
    assert refused(TaskRecord, "text")[1] == "dict_type"


def test_any_model_is_told_apart_by_its_name() -> None:
    links: dict[str, Any] = {"video_url": IMAGE, "image_url": IMAGE}
    for cls in (Wan22AnimateMove, Wan22AnimateReplace):
        made = TypeAdapter(WanInput).validate_python({"model": cls.model, **links})
        assert made == cls(**links)
        assert TypeAdapter(WanInput).validate_python(made) is made
    assert refused(WanInput, links)[1] == "union_tag_not_found"
    assert refused(WanInput, {"model": "wan/9"})[1] == "union_tag_invalid"
    assert refused(WanInput, {"model": Wan26ImageToVideo.model, "prompt": "ab"})[0][-1] == "image_urls"


def test_a_union_of_some_is_told_apart_by_fields_and_by_name() -> None:
    some: TypeAdapter[Any] = TypeAdapter(Wan22AnimateMove | Wan22AnimateReplace | Wan26ImageToVideo)
    links = {"video_url": IMAGE, "image_url": IMAGE}
    assert isinstance(some.validate_python({"prompt": "ab", "image_urls": [IMAGE]}), Wan26ImageToVideo)
    named = {"model": Wan22AnimateReplace.model, **links}
    assert isinstance(some.validate_python(named), Wan22AnimateReplace)


def test_what_is_written_can_be_read_again() -> None:
    class Job(BaseModel):
        input: WanInput
        record: TaskRecord | None = None
        other: CustomInput | None = None

    job = Job(
        input=Wan22TextToVideoTurbo(prompt="a fox", seed=7),
        record=TaskRecord(task_id="t", state=TaskState.SUCCESS, urls=("u",)),
        other=CustomInput("m", {"x": 1}),
    )
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert job.model_dump()["input"] is job.input
    assert job.model_dump(mode="json")["input"] == {"model": Wan22TextToVideoTurbo.model, "prompt": "a fox", "seed": 7}


def test_a_bad_record_names_its_field() -> None:
    assert refused(TaskRecord, {"task_id": "t", "urls": ["a", 3]})[0] == ("urls", 1)
    assert refused(TaskRecord, {})[0] == ()
    assert refused(CustomInput, {"model": "", "input": {}})[0] == ("model",)


def test_openapi_shows_the_fields() -> None:
    app = FastAPI()

    @app.post("/one")
    async def one(body: Annotated[Wan22TextToVideoTurbo, Body()]) -> TaskRecord:
        raise NotImplementedError(body)

    @app.post("/any")
    async def any_model(body: Annotated[WanInput, Body()]) -> WanInput:
        raise NotImplementedError(body)

    assert {"/one", "/any"} <= app.openapi()["paths"].keys(), (one, any_model)
    schemas = app.openapi()["components"]["schemas"]
    turbo = schemas["Wan22TextToVideoTurbo"]
    assert turbo["properties"]["resolution"]["enum"] == ["480p", "580p", "720p"]
    assert turbo["properties"]["resolution"]["default"] == "720p"
    assert turbo["properties"]["model"]["const"] == Wan22TextToVideoTurbo.model
    assert turbo["required"] == ["prompt"]
    assert "extra" not in turbo["properties"]
    assert set(schemas["TaskRecord"]["properties"]["state"]["enum"]) == set(TaskState)
    body = app.openapi()["paths"]["/any"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert len(body["oneOf"]) == len(MODELS)
    assert body["discriminator"]["propertyName"] == "model"
    assert set(body["discriminator"]["mapping"]) == set(MODELS)
    assert all(link.rpartition("/")[2] in schemas for link in body["discriminator"]["mapping"].values())


BOUNDS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"}


@pytest.mark.parametrize("model", MODELS)
def test_docs_show_each_field_with_its_range_default_and_example(model: str) -> None:
    schema = TypeAdapter(MODELS[model]).json_schema()
    contract = INPUTS[model]["properties"]
    (whole,) = schema["examples"]
    assert schema["description"].startswith("Wan ")
    assert "Attributes:" not in schema["description"]
    assert schema["properties"].keys() == {"model", *contract}
    assert set(schema.get("required", ())) == set(INPUTS[model].get("required", ()))
    for name, rule in contract.items():
        shown = schema["properties"][name]
        assert {bound: shown[bound] for bound in BOUNDS & rule.keys()} == {
            bound: rule[bound] for bound in BOUNDS & rule.keys()
        }
        assert set(shown.get("enum", ())) == set(rule.get("enum", ()))
        assert shown["description"] == fields_of(MODELS[model])[name].about != ""
        if "first_frame" not in name and "last_frame" not in name:  # what excludes the example's
            assert input_from(model, {**whole, name: shown["examples"][0]})
    assert json.loads(TypeAdapter(MODELS[model]).validate_python(whole).content()) == whole


async def test_the_client_lives_as_long_as_the_application() -> None:
    wan = WanClientDependency(lambda: WanClient("k"))
    with pytest.raises(ConfigurationError, match="lifespan"):
        await wan()
    async with wan.lifespan(object()):
        client = await wan()
        async with wan.lifespan():
            assert await wan() is not client
        assert await wan() is client
    with pytest.raises(ConfigurationError, match="lifespan"):
        await wan()


async def test_an_application_without_a_key_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY", raising=False)
    wan = WanClientDependency(WanClient)
    with pytest.raises(ConfigurationError, match="api_key"):
        async with wan.lifespan():
            pass
