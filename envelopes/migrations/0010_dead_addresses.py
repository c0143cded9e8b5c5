from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0009_mail_verdicts')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Contact',
            name='refusals',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='Contact',
            name='dead_at',
            field=Utc(null=True, unique=False, auto_now=False, auto_now_add=False),
        ),
    ]
