# Installing what was built (ops/install/, ops/systemd/), and the Debian package of it.
PREFIX        ?= /usr/local
SYSCONFDIR    ?= /etc
LOCALSTATEDIR ?= /var
RUNSTATEDIR   ?= /run
UNITDIR       ?= $(PREFIX)/lib/systemd/system
DESTDIR       ?=
INSTALL_ENV    = BUILD=$(BUILD) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) LOCALSTATEDIR=$(LOCALSTATEDIR) \
                 RUNSTATEDIR=$(RUNSTATEDIR) UNITDIR=$(UNITDIR)

.PHONY: install uninstall deb
install: build ## Install into $(DESTDIR)$(PREFIX)
	@$(INSTALL_ENV) ops/install/install.sh install
uninstall: build ## Remove what install has put there; data and edited settings stay
	@$(INSTALL_ENV) ops/install/install.sh uninstall
deb: build ## The Debian package, below build/
	@ops/deps.sh deb
	@BUILD=$(BUILD) ops/deb/build.sh
