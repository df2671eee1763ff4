"""The page of routes says what the proxy's OpenAPI document says."""

from docs.write_api_reference import PAGE, openapi_document, reference


def test_the_page_is_what_would_be_written_now() -> None:
    assert PAGE.read_text() == reference(openapi_document()), "make api-reference"
