"""LangChain's own integration tests of a chat model, for its client of OpenAI's API."""

import os
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatOpenAI(ChatModelIntegrationTests):
    """Every test, of the class that they were written for; what a small model cannot do fails everywhere."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "base_url": f"{os.environ['COMPATIBILITY_URL']}/v1",
            "api_key": os.environ.get("COMPATIBILITY_KEY", "none"),
            "model": os.environ["COMPATIBILITY_MODEL"],
            "temperature": 0,
            "max_tokens": 96,
            "max_retries": 0,
            "stream_usage": True,
        }
