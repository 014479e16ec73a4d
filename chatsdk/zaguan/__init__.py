"""Zaguan CoreX: ``Client(zaguan=...).zaguan``."""

from .._core.openai_models import (
    Annotation as Annotation,
    Audio as Audio,
    ChatChunk as ChatChunk,
    ChatRequest as ChatRequest,
    ChatResponse as ChatResponse,
    Choice as Choice,
    ChoiceDelta as ChoiceDelta,
    ChoiceLogprobs as ChoiceLogprobs,
    ChunkChoice as ChunkChoice,
    CustomToolCall as CustomToolCall,
    FunctionCall as FunctionCall,
    Message as Message,
    ModelInfo as ModelInfo,
    TokenDetails as TokenDetails,
    TokenLogprob as TokenLogprob,
    ToolCall as ToolCall,
    TopLogprob as TopLogprob,
    UrlCitation as UrlCitation,
    Usage as Usage,
)
from .._core.openai_service import ChatStream as ChatStream
from .audio import (
    AudioSpeechRequest as AudioSpeechRequest,
    AudioTranscriptionResponse as AudioTranscriptionResponse,
)
from .embeddings import (
    Embedding as Embedding,
    EmbeddingRequest as EmbeddingRequest,
    EmbeddingResponse as EmbeddingResponse,
)
from .errors import (
    APIConnectionError as APIConnectionError,
    APIError as APIError,
    APIResponseError as APIResponseError,
    APIStatusError as APIStatusError,
    APITimeoutError as APITimeoutError,
    AuthenticationError as AuthenticationError,
    BadRequestError as BadRequestError,
    BandAccessDeniedError as BandAccessDeniedError,
    ConfigurationError as ConfigurationError,
    ConflictError as ConflictError,
    InsufficientCreditsError as InsufficientCreditsError,
    InternalServerError as InternalServerError,
    InvalidRequestError as InvalidRequestError,
    NotFoundError as NotFoundError,
    PermissionDeniedError as PermissionDeniedError,
    RateLimitError as RateLimitError,
    StreamError as StreamError,
    StreamInterruptedError as StreamInterruptedError,
    UnprocessableEntityError as UnprocessableEntityError,
    ZaguanError as ZaguanError,
)
from .images import (
    ImageData as ImageData,
    ImageGenerationRequest as ImageGenerationRequest,
    ImageResponse as ImageResponse,
)
from .models import (
    CreditsBalance as CreditsBalance,
    CreditsHistory as CreditsHistory,
    CreditsHistoryEntry as CreditsHistoryEntry,
    CreditsStats as CreditsStats,
    HealthStatus as HealthStatus,
    ModelCapabilities as ModelCapabilities,
    ModelCredits as ModelCredits,
)
from .moderations import (
    ModerationRequest as ModerationRequest,
    ModerationResponse as ModerationResponse,
    ModerationResult as ModerationResult,
)
from .service import Zaguan as Zaguan
