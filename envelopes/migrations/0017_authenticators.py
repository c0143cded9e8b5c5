from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Sealed, Utc
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0016_sms')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Authenticator',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('contact', fields.ForeignKeyField('fukan.Contact', source_field='contact_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('envelope_id', fields.BigIntField()),
                ('secret', Sealed(unique=False)),
                ('last_step', fields.BigIntField(db_default=0)),
                ('set_up_at', Utc(auto_now=False, auto_now_add=False)),
                ('lost_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('lost_note', Sealed(null=True, unique=False)),
                ('reporter_id', fields.BigIntField(null=True)),
                ('approver_id', fields.BigIntField(null=True)),
                ('call_back', Sealed(null=True, unique=False)),
                ('ended_at', Utc(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'authenticators', 'app': 'fukan', 'indexes': [Index(fields=['contact_id', 'ended_at'])], 'pk_attr': 'id', 'table_description': 'An app on a phone with which the person of an entry proves who he is, one at a time.'},
            bases=['Model'],
        ),
    ]
