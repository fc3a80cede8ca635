"""The cards of the networks that EfficientMedSAM trains: the found one, its rivals, the search itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing

if TYPE_CHECKING:
    from napari_medkd.models.card import Capability
    from src_training.recipes.efficient_medsam import EfficientMedSamConfig
    from src_training.search.found import Found
    from src_training.search.space import Space


class StudentCards:
    """Writes the cards of one run.

    Parameters
    ----------
    config : EfficientMedSamConfig
        The numbers.
    teacher : ModelCard
        Whose prompt encoder, decoder and frame every student takes over.
    """

    def __init__(self, config: EfficientMedSamConfig, teacher: ModelCard) -> None:
        self._config, self._teacher = config, teacher

    def found(self, found: Found) -> ModelCard:
        """Return the card of the encoder that a run trains."""
        options = {"size": found.how} if not found.choice else found.encoder.model_dump(mode="json")
        size = self._config.size
        shape = Architecture(encoder="searched", encoder_options=options, grid=size // found.encoder.cell)
        return self.of(shape, size)

    def search(self, space: Space) -> ModelCard:
        """Return a card for the search, with an encoder that stands in until the supernet takes its place."""
        options = space.first().model_dump(mode="json")
        size = self._config.search_size
        grid = size // self._config.cell
        return self.of(Architecture(encoder="searched", encoder_options=options, grid=grid), size)

    def of(self, shape: Architecture, size: int) -> ModelCard:
        """Return the card of a student with an encoder of `shape` that sees `size` pixels."""
        config, theirs = self._config, self._teacher.architecture
        capabilities: frozenset[Capability] = (
            frozenset({"box", "point"}) if config.boxes < 1 else frozenset({"box"})
        )
        return ModelCard(
            id=config.name,
            title=config.title,
            architecture=shape.model_copy(
                update={
                    "decoder": "sam",
                    "decoder_options": theirs.decoder_options if theirs.decoder == "sam" else {},
                    "masks": "one",
                    "embedding_dim": theirs.embedding_dim,
                }
            ),
            # The pictures lie in the frame as the teacher sees them, so that its maps fit the student's.
            preprocessing=Preprocessing(size=size, fit=self._teacher.preprocessing.fit),
            capabilities=capabilities,
            commercial_use=self._teacher.commercial_use,
            parent=config.teacher,
        )
