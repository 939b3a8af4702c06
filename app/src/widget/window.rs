//! The whole window as a view of Leptos: the server writes it, the browser takes it over.

use super::{
    composer, header,
    node::{Node, PLAIN},
    notice,
    room::Room,
    transcript,
    when::Now,
};
use crate::text::Message;
use leptos::{
    prelude::*,
    tachys::{
        html::attribute::any_attribute::AnyAttribute,
        hydration::Cursor,
        no_attrs,
        view::{Position, PositionState, RenderFlags},
    },
};
use std::sync::Arc;

/// The view.
pub(super) struct Window(Arc<Room>);

impl Window {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self(room)
    }
}

/// The window as the chat stands now.
fn draw(room: &Room) -> Node {
    let shown = room.chat.shown();
    let skip = PLAIN.el("a", "button skip quiet").set("href", "#message");
    let notices = PLAIN.el("div", "").set("role", "status");
    let foot = notices.add_some(
        shown
            .notice()
            .map(|notice| notice::draw(room, notice, &shown.person)),
    );
    let said = PLAIN
        .el("div", "quiet")
        .set("role", "status")
        .set("aria-atomic", "false");
    PLAIN
        .el("main", "room")
        // A click between its parts leaves the focus in it, where its keys are heard.
        .set("tabindex", "-1")
        .label(&room.settings.bot.name)
        .add(skip.say(room.say(Message::ToComposer)))
        .add(header::draw(room, &shown))
        .add(transcript::draw(
            room,
            &shown,
            Now::rendered_at(room.settings.rendered_at_ms),
        ))
        .add(PLAIN.el("div", "").add(foot).add(composer::draw(room)))
        .add(said.say(&shown.announce))
}

// An island is always there already when the browser comes to it: it is taken over, never built or replaced.
impl Render for Window {
    type State = ();

    fn build(self) {}

    fn rebuild(self, (): &mut ()) {}
}

no_attrs!(Window);

impl RenderHtml for Window {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 4096;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        _: RenderFlags,
        _: Vec<AnyAttribute>,
    ) {
        draw(&self.0).write(buf);
        *position = Position::NextChild;
    }

    fn hydrate<const FROM_SERVER: bool>(self, _: &Cursor, _: &PositionState) {
        #[cfg(target_arch = "wasm32")]
        super::live::take_over(self.0);
    }

    fn into_owned(self) -> Self {
        self
    }
}
