//! docs/recipes/django.md

use crate::site::{prints_the_envelope, shop};
use crate::support::{Page, Shop, WRITE};

const MANAGE: &str = "
import os, sys
os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
";

const SETTINGS: &str = "
import os
from psycopg.conninfo import conninfo_to_dict
of = conninfo_to_dict(os.environ['DATABASE_URL'])
INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'shop']
DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql',
                         'NAME': of['dbname'], 'USER': of['user'], 'HOST': of['host']}}
USE_TZ = True
";

fn page() -> Page {
    Page::open("docs/recipes/django.md")
}

fn site() -> Shop {
    let mut shop = shop();
    let url = shop.env["DATABASE_URL"]
        .to_str()
        .unwrap()
        .replace("localhost", "");
    shop.set("DATABASE_URL", url);
    shop.put("manage.py", MANAGE);
    shop.put("settings.py", SETTINGS);
    for folder in [
        "shop",
        "shop/management",
        "shop/management/commands",
        "shop/migrations",
    ] {
        shop.put(&format!("{folder}/__init__.py"), "");
    }
    shop.put("shop/models.py", "");
    let step = format!(
        "from django.db import migrations
class Migration(migrations.Migration):
    operations = [migrations.RunSQL(\"{WRITE}\")]
"
    );
    shop.put("shop/migrations/0001_ship.py", &step);
    shop
}

fn with_a_command() -> Shop {
    let shop = site();
    let name = "shop/management/commands/migrate.py";
    shop.put(name, &page().file(name));
    shop
}

#[test]
fn guard_in_front() {
    let shop = site();
    let line = page().only("sh");
    shop.guards(&line, 125);
    let runs = shop.files();
    shop.typed(&line).run().exits(0);
    assert_eq!(shop.files(), runs, "nothing was to be done");
}

#[test]
fn a_command_of_ones_own() {
    let shop = with_a_command();
    let ran = shop.guards("python manage.py migrate", 1);
    prints_the_envelope(&shop, &ran);
    let runs = shop.files();
    for looks in ["--plan", "--check"] {
        shop.typed(&format!("python manage.py migrate {looks}"))
            .run()
            .exits(0);
    }
    assert_eq!(shop.files(), runs);
}

#[test]
fn developers_have_none() {
    let shop = with_a_command();
    let run = shop
        .typed("python manage.py migrate")
        .env("MIGRATE_WITHOUT_BACKUP", "1");
    run.run().exits(0);
    shop.store_is_empty();
}

/// The trap.
#[test]
fn pre_migrate_is_sent_for_each_app() {
    let shop = site();
    let receiver = "
from django.db.models.signals import pre_migrate
def tell(sender, **_):
    print('pre_migrate for', sender.label)
pre_migrate.connect(tell)
";
    shop.put("shop/models.py", receiver);
    let ran = shop.typed("python manage.py migrate").run().exits(0);
    assert_eq!(
        ran.stdout.matches("pre_migrate for").count(),
        3,
        "{}",
        ran.whole()
    );
}
