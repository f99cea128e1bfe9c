"""Fakes, and a launcher of a real Milvus, for alir's tests and for yours."""

from alir.testing.embeddings import HashEmbedding as HashEmbedding
from alir.testing.fault_proxy import FaultProxy as FaultProxy
from alir.testing.hostile_replies import HOSTILE_REPLIES as HOSTILE_REPLIES
from alir.testing.milvus_binary import CannotLaunchMilvus as CannotLaunchMilvus
from alir.testing.milvus_server import MilvusNotStarted as MilvusNotStarted
from alir.testing.milvus_server import MilvusServer as MilvusServer
from alir.testing.openai_script import CallTools as CallTools
from alir.testing.openai_script import Cut as Cut
from alir.testing.openai_script import Fail as Fail
from alir.testing.openai_script import Raw as Raw
from alir.testing.openai_script import Reply as Reply
from alir.testing.openai_script import Say as Say
from alir.testing.openai_script import Script as Script
from alir.testing.openai_script import Stall as Stall
from alir.testing.openai_server import OpenAIServer as OpenAIServer
