"""Zaguan CoreX: images."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Union

from .._core.answer import response_error
from .._core.download import FilePath
from .._core.model import Model, build_request, collect_arguments, request_fields, required_field
from .._core.multipart import Upload
from .._core.result_list import ListResponse
from .._core.service import ServiceClient
from .errors import InvalidRequestError


@dataclass
class ImageGenerationRequest(Model):
    """A request of ``create_image``; servers and models differ in the values that they accept.

    ``response_format`` is ``"url"`` or ``"b64_json"``; some models always return the latter and refuse this
    field.
    """

    prompt: str
    model: Optional[str] = None
    n: Optional[int] = None
    size: Optional[str] = None
    quality: Optional[str] = None
    response_format: Optional[str] = None
    style: Optional[str] = None
    user: Optional[str] = None
    background: Optional[str] = None
    moderation: Optional[str] = None
    output_format: Optional[str] = None
    output_compression: Optional[int] = None


@dataclass
class ImageData(Model):
    """An image: its ``url``, or its bytes as base64."""

    url: Optional[str] = None
    b64_json: Optional[str] = field(default=None, repr=False)
    revised_prompt: Optional[str] = None

    @property
    def content(self) -> bytes:
        """The bytes of the image.

        Raises InvalidRequestError if the server sent a URL: it may be on any host, so it is not fetched;
        APIResponseError if it sent text that is not base64.
        """
        data_url = self.url if self.url and self.url.startswith("data:") else None
        text = self.b64_json or data_url
        if not text:
            raise InvalidRequestError(
                'the server sent a URL, not the image: set response_format="b64_json", or fetch the URL with '
                "requests.get(), without the API key"
            )
        try:
            return b64decode("".join(text.rpartition(",")[2].split()), validate=True)
        except ValueError:
            problem = "the image is not valid base64"
        raise response_error(self, problem, "invalid", text)

    def save(self, path: FilePath) -> None:
        """Write the image to *path*.

        Raises:
            InvalidRequestError, APIResponseError: as for ``content``.
            OSError: the file cannot be written.
        """
        content = self.content
        with open(path, "wb") as file:
            file.write(content)


@dataclass
class ImageResponse(ListResponse[ImageData]):
    """The images, each with ``save(path)``; ``created`` is a Unix time in seconds."""

    data: List[ImageData] = required_field(default_factory=list)
    created: Optional[int] = None
    background: Optional[str] = None
    output_format: Optional[str] = None
    quality: Optional[str] = None
    size: Optional[str] = None
    usage: Optional[Dict[str, Any]] = None


class Images(ServiceClient):
    """The endpoints for images.

    An image to upload is a path, bytes, or a file opened in binary mode; or a tuple of a name and one of
    these, such as ``("cat.png", data)``: most servers tell the format by the extension of the name. Files
    are read while they are sent; OSError is raised if one cannot be read.
    """

    def create_image(
        self,
        request: Union[ImageGenerationRequest, Mapping[str, Any], None] = None,
        request_id: Optional[str] = None,
        *,
        prompt: Optional[str] = None,
        model: Optional[str] = None,
        n: Optional[int] = None,
        size: Optional[str] = None,
        quality: Optional[str] = None,
        response_format: Optional[str] = None,
        style: Optional[str] = None,
        user: Optional[str] = None,
        background: Optional[str] = None,
        moderation: Optional[str] = None,
        output_format: Optional[str] = None,
        output_compression: Optional[int] = None,
    ) -> ImageResponse:
        """Create images from a prompt (see ImageGenerationRequest).

        It may take minutes: use ``with_options(timeout=...)``.

        POST /v1/images/generations
        """
        body = request_fields(build_request(ImageGenerationRequest, request, locals()))
        return self._request("POST", "/v1/images/generations", json=body, request_id=request_id).model(
            ImageResponse
        )

    def edit_image(
        self,
        image_path: Union[Upload, List[Upload]],
        prompt: str,
        mask_path: Optional[Upload] = None,
        model: Optional[str] = None,
        n: Optional[int] = None,
        size: Optional[str] = None,
        response_format: Optional[str] = None,
        request_id: Optional[str] = None,
        *,
        quality: Optional[str] = None,
        user: Optional[str] = None,
        background: Optional[str] = None,
        input_fidelity: Optional[str] = None,
        output_format: Optional[str] = None,
        output_compression: Optional[int] = None,
    ) -> ImageResponse:
        """Edit an image, or combine several, as a prompt describes.

        Args:
            image_path: the image or a list of images: a path, bytes, a file or a tuple (see the class).
            prompt: what to change.
            mask_path: an image that is transparent where the first image should be changed.
            model: by default the server's.
            n: the number of images to create.
            size: such as ``"1024x1024"``.
            response_format: ``"url"`` or ``"b64_json"``.
            quality, user, background, input_fidelity, output_format, output_compression: as the model
                accepts them.

        POST /v1/images/edits
        """
        fields = collect_arguments(locals(), "image_path", "mask_path")
        files = {"image": image_path, "mask": mask_path}
        with self._upload("/v1/images/edits", fields, files, request_id) as request:
            return request.model(ImageResponse)

    def create_image_variation(
        self,
        image_path: Upload,
        model: Optional[str] = None,
        n: Optional[int] = None,
        size: Optional[str] = None,
        response_format: Optional[str] = None,
        request_id: Optional[str] = None,
        *,
        user: Optional[str] = None,
    ) -> ImageResponse:
        """Create variations of an image.

        Args:
            image_path: the image: a path, bytes, a file or a tuple (see the class).
            model, n, size, response_format: as for ``edit_image``.
            user: the id of your user, for the provider.

        POST /v1/images/variations
        """
        fields = collect_arguments(locals(), "image_path")
        with self._upload("/v1/images/variations", fields, {"image": image_path}, request_id) as request:
            return request.model(ImageResponse)
