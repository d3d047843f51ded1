"""Steps that take a task from its prompt to the validator's answer."""

from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_assets.composition.steps import Steps
from trellis_assets.domain.learning.wanted_policy import PolicyName
from trellis_assets.ports import DeclaresOrientation, PictureSource
from trellis_assets.steps.choose_rule import ChooseRuleStep
from trellis_assets.steps.explore_recipes import ExploreRecipesStep
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.steps.preview import MadeFromStep, PreviewStep
from trellis_assets.steps.show_candidates import ShowCandidatesStep
from trellis_assets.steps.store_model import StoreModelStep
from trellis_assets.steps.submit import SubmitStep
from trellis_assets.steps.validate import ValidateStep
from trellis_assets.steps.validate_idle import ValidateIdleStep

if TYPE_CHECKING:
    from trellis_assets.steps.learn import LearnStep


class MiningSteps(Steps):
    """Generate, validate and submit a task's model; validate idle."""

    @property
    def gallery_address(self) -> str:
        """Return the URL of the gallery, where a run's page links to its model."""
        return self.settings.servers.gallery_address

    def generate_step(self) -> GenerateStep:
        """Return the step that generates a task's model, or reuses an earlier one."""
        parts = self._adapters
        pictures = parts.generator if isinstance(parts.generator, PictureSource) else None
        return GenerateStep(
            parts.store,
            parts.files,
            parts.codec,
            parts.generator,
            parts.clock,
            self.settings.generation.policy(),
            pictures=pictures,
            orient=self.orient_model_step(),
            judge=self.judge_model_step(),
            rules=self.choose_rule_step(),
            recipes=parts.recipes,
        )

    def judge_model_step(self) -> JudgeModelStep | None:
        """Return the step that scores candidates; None where models are not validated."""
        parts, policy = self._adapters, self.settings.validation.policy()
        if not policy.is_enabled:
            return None
        return JudgeModelStep(parts.validator, parts.clock, requires_verdict=policy.requires_verdict)

    def choose_rule_step(self) -> ChooseRuleStep:
        """Return the step that finds the policy in force for a task."""
        settings = self.settings
        return ChooseRuleStep(
            settings.mining.wanted_policy(),
            settings.validation.validate_models,
            settings.validation.min_score,
            self._adapters.recipes,
            self.learn_step(),
        )

    def learn_step(self, *, always: bool = False) -> "LearnStep | None":
        """Return the step that learns from the store; None where the settings want no learnt policy.

        Args:
            always: return it whatever the settings want.
        """
        if not always and self.settings.mining.wanted_policy().name is not PolicyName.LEARNED:
            return None
        # It imports scipy, which no other policy needs.
        from trellis_assets.steps.learn import LearnStep

        parts = self._adapters
        return LearnStep(parts.store, parts.clock, parts.recipes, parts.generator.endpoints)

    def orient_model_step(self) -> OrientModelStep | None:
        """Return the step that turns servers' models upright; None where the generator knows its own."""
        parts, settings = self._adapters, self.settings
        generator = parts.generator
        if not isinstance(generator, DeclaresOrientation):
            return None
        validator = parts.validator if settings.validation.validate_models else None
        chosen = settings.generation.orientations(generator.endpoints)
        return OrientModelStep(parts.store.endpoints, parts.codec, generator, validator, parts.clock, chosen)

    def validate_step(self) -> ValidateStep:
        """Return the step that scores a model and decides whether it is submitted."""
        parts = self._adapters
        policy = self.settings.validation.policy()
        return ValidateStep(parts.store, parts.files, parts.validator, parts.clock, policy)

    def submit_step(self) -> SubmitStep:
        """Return the step that submits a model, or hands the task back."""
        parts = self._adapters
        policy = self.settings.mining.submission_policy(self.settings.validation.min_score)
        return SubmitStep(parts.store, parts.files, lambda: parts.network, parts.clock, policy)

    def validate_idle_step(self) -> ValidateIdleStep:
        """Return the step that scores models without a score while nothing is mined."""
        parts = self._adapters
        return ValidateIdleStep(
            parts.store.tasks,
            parts.store.validations,
            parts.files,
            parts.validator,
            parts.clock,
            parts.miner_hotkey,
            shares_validator=self.settings.validation.uses_server,
        )

    def explore_recipes_step(self) -> ExploreRecipesStep:
        """Return the step that tries recipes on past prompts while nothing is mined."""
        parts = self._adapters
        pictures = parts.generator if isinstance(parts.generator, PictureSource) else None
        keep = StoreModelStep(
            parts.files,
            parts.codec,
            parts.generator.name,
            parts.clock,
            # For a score: nobody downloads these.
            replace(self.settings.generation.policy(), keep_ply=False),
            pictures=pictures,
            orient=self.orient_model_step(),
        )
        return ExploreRecipesStep(
            parts.store,
            parts.files,
            parts.clock,
            parts.generator,
            keep,
            self.judge_model_step(),
            parts.recipes,
            parts.miner_hotkey,
            self.settings.mining.explore_share,
        )

    def preview_step(self) -> PreviewStep:
        """Return the step that renders a model for its run's page."""
        from trellis_assets.adapters.rendering.pictures import webp_preview

        return PreviewStep(self._adapters.files, webp_preview)

    def show_candidates_step(self) -> ShowCandidatesStep:
        """Return the step that shows a task's candidates on its run's page."""
        from trellis_assets.adapters.rendering.pictures import webp_preview, webp_row

        store = self._adapters.store
        return ShowCandidatesStep(
            store.candidates, store.decisions, self._adapters.files, webp_preview, webp_row
        )

    def made_from_step(self) -> MadeFromStep:
        """Return the step that shows the pictures that a model was made from."""
        from trellis_assets.adapters.rendering.pictures import webp_row

        return MadeFromStep(self._adapters.files, webp_row)
