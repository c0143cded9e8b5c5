from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Anchor',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('n', fields.IntField(unique=True)),
                ('first_id', fields.BigIntField()),
                ('last_id', fields.BigIntField()),
                ('count', fields.IntField()),
                ('root', fields.CharField(max_length=64)),
                ('previous', fields.CharField(max_length=64)),
                ('lines', fields.TextField(unique=False)),
                ('token', fields.TextField(unique=False)),
                ('at', Utc(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'anchors', 'app': 'fukan', 'indexes': [Index(fields=['first_id', 'last_id'])], 'pk_attr': 'id', 'table_description': 'A timestamped Merkle root over the facts from `first_id` to `last_id`, and the line of each as it was.'},
            bases=['Model'],
        ),
    ]
