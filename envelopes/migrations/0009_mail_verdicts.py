from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Sealed
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0008_unfinished_orders')]

    initial = False

    operations = [
        ops.CreateModel(
            name='MailVerdict',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('said', Sealed(unique=False)),
            ],
            options={'table': 'mail_verdicts', 'app': 'fukan', 'pk_attr': 'id', 'table_description': 'What the last examination of servers and DNS found wrong: JSON, sealed, so that only the service says it.'},
            bases=['Model'],
        ),
    ]
