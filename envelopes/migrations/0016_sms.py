from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Sealed, Utc
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0015_second_factors')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Mobile',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('ref', fields.CharField(unique=True, max_length=16)),
                ('contact', fields.ForeignKeyField('fukan.Contact', source_field='contact_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('number', Sealed(unique=False)),
                ('look_up', fields.CharField(max_length=64)),
                ('source', Sealed(unique=False)),
                ('registrar', fields.ForeignKeyField('fukan.Staff', source_field='registrar_id', db_constraint=True, to_field='id', related_name='mobiles_put_forward', on_delete=OnDelete.RESTRICT)),
                ('approver', fields.ForeignKeyField('fukan.Staff', source_field='approver_id', null=True, db_constraint=True, to_field='id', related_name='mobiles_approved', on_delete=OnDelete.RESTRICT)),
                ('call_back', Sealed(null=True, unique=False)),
                ('bond', Sealed(null=True, unique=False)),
                ('works_from', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', Utc(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', Utc(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'mobiles', 'app': 'fukan', 'indexes': [Index(fields=['contact_id', 'ended_at'])], 'pk_attr': 'id', 'table_description': 'A mobile number of an entry of the registry, for codes by SMS: put forward by one of the staff, then approved.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Sms',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('ref', fields.CharField(unique=True, max_length=16)),
                ('code', fields.OneToOneField('fukan.Code', source_field='code_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('mobile', fields.ForeignKeyField('fukan.Mobile', source_field='mobile_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('state', fields.CharField(max_length=20)),
                ('note', fields.CharField(db_default='', max_length=40)),
                ('attempts', fields.IntField(db_default=0)),
                ('created_at', Utc(auto_now=False, auto_now_add=False)),
                ('updated_at', Utc(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sms', 'app': 'fukan', 'pk_attr': 'id', 'table_description': 'A code by SMS on its way to the hook: what came of it. Text and number are put together when it is sent.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Application',
            name='mobile',
            field=Sealed(null=True, unique=False),
        ),
    ]
