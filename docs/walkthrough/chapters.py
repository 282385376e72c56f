"""The chapters of the walk, in the order they are walked."""

from __future__ import annotations

from walkthrough import more, story

__all__ = ["CHAPTERS"]

CHAPTERS = (
    story.open_stack,
    story.ask_for_voxel_size,
    story.set_up,
    story.settings,
    story.learn,
    story.learn_more_and_stop,
    story.classes,
    more.choose_a_colour,
    more.filter_the_list,
    story.split_and_suggest,
    story.take_away,
    more.take_a_table,
    story.open_again,
    story.search,
    more.in_3d,
    more.paint_to_teach,
    more.compare_recipes,
    more.learn_from_a_film,
    more.second_dock,
)
