/* One function per screen: what the server's `flow` and `next_state` look like. A screen gets the
   view (data), the form (what was typed) and `go` (scan, tap, set, open); it decides nothing. */
(function () {
  'use strict';
  var h = Parts.h;
  var STATUS = { ok: '可用', inspect: '待检', hold: '冻结', rejected: '不合格', recalled: '召回' };
  var REASONS = ['破损', '漏液', '过期', '温度不符', '数量不符', '标签不符'];

  function pick(rows, words, tap) {
    return h('div', {}, rows.map(function (row) {
      return h('button', { onclick: function () { tap(row); } }, words(row));
    }));
  }

  function lot(row) {
    return (row.lot ? ' · 批次 ' + row.lot : '') + (row.expires_on ? ' · 效期 ' + row.expires_on : '');
  }

  function table(rows) {
    if (!rows.length) return h('p', { class: 'dim' }, '没有库存。');
    return h('div', { class: 'box' }, rows.map(function (row) {
      return h('div', { class: 'row' },
        h('div', {}, row.place + ' · ' + row.item_name,
          h('div', { class: 'dim' }, (STATUS[row.status] || row.status) + lot(row))),
        h('b', {}, row.quantity + ' ' + row.unit));
    }));
  }

  function chooseLabel(data, form, go) {
    return [h('h1', {}, '纸上印的是哪一个？'), pick(data.options, function (each) {
      return '批次 ' + (each.lot || '无') + (each.use_by ? ' · 效期 ' + each.use_by : '') + '\n' + each.text;
    }, function (each) { go.tap('choose', { choice: each.text }); })];
  }

  function lineWords(line) {
    return line.item_name + ' · 还差 ' + line.open + ' ' + line.unit + ' · ' + line.order_code;
  }

  function chooseLine(data, form, go) {
    return [h('h1', {}, '收哪一行？'), pick(data.lines, lineWords, function (line) {
      go.tap('line', { line_id: line.id, order_id: line.order_id });
    })];
  }

  function checks(data, form, go) {
    return data.checklist.map(function (check) {
      var answers = form.checks || {};
      function set(value) {
        go.set('checks', Object.assign({}, answers, { [check.key]: value }), check.kind === 'ok');
      }
      if (check.kind === 'ok') {
        return Parts.choice(check.label, [['ok', '合格'], ['no', '不合格']], answers[check.key], set);
      }
      var make = check.kind === 'number' ? Parts.number : Parts.input;
      return make(check.label, answers[check.key], set);
    });
  }

  function receiveLine(data, form, go) {
    var unit = ' ' + data.line.unit, bad = form.rejected && form.rejected !== '0';
    var best = data.bins[0], reasons = REASONS.map(function (each) { return [each, each]; });
    function typed(label, key) {
      return Parts.input(label, form[key], function (value) { go.set(key, value); });
    }
    return [
      h('div', { class: 'dim' }, data.order.code + ' · ' + data.order.supplier + ' · ' + data.order.warehouse),
      h('h1', {}, data.line.item_name),
      h('div', { class: 'box' },
        h('div', { class: 'big' }, (go.local || data.quantity) + unit),
        h('div', { class: 'dim' }, '订 ' + data.line.ordered + '，已收 ' + data.line.received +
          '，还差 ' + data.line.open + unit),
        h('div', {}, '批次 ' + (data.lot || '—') +
          (data.expires_on ? ' · 效期 ' + data.expires_on : '') + (data.expired ? ' · 已过期' : ''))),
      Parts.number('改数量', form.quantity, function (v) { go.set('quantity', v); }),
      data.tracking === 'lot' && !data.lot ? typed('批次', 'lot') : null,
      data.needs_expiry && !data.expires_on ? typed('效期（2026-12-31）', 'expires_on') : null,
      data.over !== '0' ? typed('多收原因', 'over_reason') : null,
      data.needs_inspection ? h('div', { class: 'box' }, h('h2', {}, '质检'), checks(data, form, go),
        h('div', { class: 'two' },
          Parts.number('合格' + unit, form.accepted, function (v) { go.set('accepted', v); }),
          Parts.number('不合格' + unit, form.rejected, function (v) { go.set('rejected', v, true); })),
        bad ? Parts.choice('不合格原因', reasons, form.reason,
          function (v) { go.set('reason', v, true); }) : null,
        Parts.photos(form.photos || [], function (ids) { go.set('photos', ids, true); }, go.say)) : null,
      h('div', { class: 'box' }, h('div', { class: 'dim' }, '建议库位，扫它就全部入账'),
        h('div', { class: 'big' }, best ? best.code : '任一空库位'), h('div', { class: 'dim' }, best ? best.why : '')),
      go.bar(['入账', 'confirm'], data.needs_inspection ? ['先收', 'later'] : null, ['放弃', 'drop'])
    ];
  }

  function putaway(data, form, go) {
    var best = data.bins[0];
    return [h('h1', {}, data.item_name), h('div', { class: 'box' },
      h('div', { class: 'big' }, (best ? best.code : '任一空库位')),
      h('div', { class: 'dim' }, best ? best.why : ''),
      h('div', {}, data.quantity + ' ' + data.unit + lot(data))),
    Parts.number('只放一部分', form.quantity, function (v) { go.set('quantity', v); })];
  }

  function transfer(data, form, go) {
    var taken = !!data.item_name;
    return [h('h1', {}, '从 ' + data.from), h('div', { class: 'box' },
      h('div', { class: 'big' }, taken ? data.quantity + ' ' + data.unit : '扫货品'),
      h('div', {}, data.item_name || '')),
    taken ? Parts.number('改数量', form.quantity, function (v) { go.set('quantity', v); }) : null,
    go.bar(['放弃', 'drop'])];
  }

  function count(data, form, go) {
    return [h('h1', {}, data.place ? '盘 ' + data.place : '扫一个库位'),
      h('p', { class: 'dim' }, '还有 ' + data.left + ' 行：' + data.places.join('、')),
      data.tallies.map(function (each) {
        return h('div', { class: 'box' },
          h('div', {}, each.item_name + (each.lot ? ' · 批次 ' + each.lot : '')),
          h('div', { class: 'big' }, each.quantity + ' ' + each.unit),
          h('button', { onclick: function () {
            var typed = window.prompt('数到多少 ' + each.unit + '？', each.quantity);
            if (typed) go.tap('set', { key: each.key, quantity: typed });
          } }, '改数量'));
      }),
      data.place ? go.bar(['盘完这格', 'save']) : go.bar(['提交盘点', 'finish'])];
  }

  function receiveOrder(data, form, go) {
    return [h('h1', {}, data.order.code + ' · ' + data.order.supplier),
      pick(data.lines, lineWords, function (line) {
        go.tap('line', { line_id: line.id, order_id: line.order_id });
      })];
  }

  function putawayLine(data, form, go) {
    return [h('h1', {}, '上架哪一批？'), pick(data.lines, function (row) {
      return row.item_name + ' · ' + row.quantity + ' ' + row.unit + lot(row);
    }, function (row) { go.tap('line', { receipt_line_id: row.id }); })];
  }

  function chooseLot(data, form, go) {
    return [h('h1', {}, '哪个批次？'), pick(data.lots, function (row) {
      return row.quantity + ' ' + row.unit + lot(row);
    }, function (row) { go.tap('lot', { lot_id: row.lot_id }); })];
  }

  function lookupItem(data, form, go) {
    var words = { receive: '收这个货', putaway: '上架这个货', urgent: '这里不够，紧急调拨' };
    return [h('h1', {}, data.item_name),
      h('div', { class: 'big' }, '可用 ' + data.available + ' ' + data.unit), table(data.rows),
      pick(data.actions, function (flow) { return words[flow]; }, go.again)];
  }

  function lookupPlace(data, form, go) {
    return [h('h1', {}, data.place), table(data.rows),
      pick(data.actions, function () { return '从这里拿货'; }, go.again)];
  }

  function urgentField(each, go, unit) {
    var others = each.changeable ? each.alternatives : [];
    function set(value) {
      var values = {};
      values[each.key] = value;
      if (each.key === 'quantity') values.unit = unit;
      go.tap('set', { values: values });
    }
    function type() {
      var typed = window.prompt(each.label + '？', each.value);
      if (typed) set(typed);
    }
    return h('div', { class: 'box' }, h('div', { class: 'dim' }, each.label),
      h('div', {}, each.text || '还没填', each.guess ? '（推算）' : ''), h('div', { class: 'dim' }, each.why),
      others.map(function (other) {
        return h('button', { onclick: function () { set(other.value); } }, '改成 ' + other.text);
      }),
      each.changeable ? h('button', { onclick: type }, '自己填') : null);
  }

  function urgentForm(data, form, go) {
    var unit = data.fields.filter(function (each) { return each.key === 'unit'; })[0];
    return [h('h1', {}, data.title), h('p', {}, data.sentence),
      data.fields.map(function (each) { return urgentField(each, go, unit ? unit.value : ''); }),
      go.bar(['发起', 'launch'], ['放弃', 'drop'])];
  }

  function urgentDone(data) {
    return [h('h1', {}, data.code), h('p', { class: 'dim' }, '对方发出后，收货任务会到你的任务箱。')];
  }

  window.Screens = {
    label: chooseLabel,
    'receive/order': receiveOrder,
    'receive/line': receiveLine,
    'receive/choose_line': chooseLine,
    'putaway/choose_line': putawayLine,
    'putaway/bin': putaway,
    'transfer/item': transfer,
    'transfer/choose_lot': chooseLot,
    'count/place': count,
    'count/tally': count,
    'urgent/form': urgentForm,
    'urgent/done': urgentDone,
    'lookup/item': lookupItem,
    'lookup/place': lookupPlace
  };
}());
